using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>A data directory goes from Apache Kafka to this broker and back, at every clean stop, with all that is in it.</summary>
[Trait("Io", "once")]
public sealed class BothWaysTests(ITestOutputHelper output)
{
    private const int Changes = 200;

    private const int LinesShown = 20;

    /// <summary>The metadata log is condensed a few times in each round.</summary>
    private const string Snapshots = "metadata.log.max.record.bytes.between.snapshots=20000";

    /// <summary>Snappy and Zstandard.</summary>
    private static readonly string[] s_codecs =
    [
        "offsets.topic.compression.codec=2",
        "share.coordinator.state.topic.compression.codec=4",
    ];

    [Fact]
    public void A_directory_of_Apache_Kafka_comes_here_and_goes_back()
    {
        using JavaProcess? java = JavaProcess.Start(output);
        if (java is null)
        {
            return;
        }
        using SharedDirectory directory = new(directories: 1, Snapshots);
        java.Run("format", directory.ConfigFile, SharedDirectory.ClusterId);
        java.Run("start", directory.ConfigFile);
        Fill(java, directory, 0);
        Description first = Describe(java, directory);
        CheckContent(first);
        java.Run("stop");

        Description back = TakeOver(java, directory, first, round: 1);
        GiveBack(java, directory, back, round: 2);
        Description second = Describe(java, directory);
        java.Run("stop");
        TakeOver(java, directory, second, round: 3);
    }

    [Fact]
    public void A_directory_that_began_here_goes_to_Apache_Kafka_and_comes_back()
    {
        using JavaProcess? java = JavaProcess.Start(output);
        if (java is null)
        {
            return;
        }
        using SharedDirectory directory = new(directories: 2, [Snapshots, .. s_codecs]);
        Description first;
        using (BrokerProcess broker = directory.StartBroker())
        {
            Fill(java, directory, 0);
            first = Describe(java, directory);
            broker.Stop();
        }
        GiveBack(java, directory, first, round: 1);
        Description second = Describe(java, directory);
        CheckContent(second);
        java.Run("stop");
        TakeOver(java, directory, second, round: 2);
    }

    /// <summary>This broker starts on a directory of Apache Kafka, shows the same, adds a round of its own and stops.</summary>
    private static Description TakeOver(JavaProcess java, SharedDirectory directory, Description before, int round)
    {
        LogFiles files = LogFiles.Of(directory);
        using BrokerProcess broker = directory.StartBroker();
        Description found = Describe(java, directory);
        before.MustEqual(found, "what this broker shows of it");
        Settle(java, directory);
        Fill(java, directory, round);
        Description filled = Describe(java, directory);
        broker.Stop();
        Assert.DoesNotContain(" ERROR ", broker.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(" WARN  [storage]", broker.Errors, StringComparison.Ordinal);
        // The line about the start counts them, where a metadata directory of its own has no mark of a clean stop.
        string log = broker.Errors.Replace("truncatedBytes=0 ", "", StringComparison.Ordinal);
        Assert.DoesNotContain("truncated", log, StringComparison.Ordinal);
        files.MustBePrefixes();
        new DirectoryDump(java, directory).Check();
        return filled;
    }

    /// <summary>Apache Kafka starts on what this broker left, without a complaint, shows the same and adds a round.</summary>
    private static void GiveBack(JavaProcess java, SharedDirectory directory, Description before, int round)
    {
        LogFiles files = LogFiles.Of(directory);
        int logged = java.Errors.Count;
        java.Run("start", directory.ConfigFile);
        Description found = Describe(java, directory);
        before.MustEqual(found, "what Apache Kafka shows of it");
        string[] log = [.. java.Errors.Skip(logged)];
        Assert.Contains(log, line => line.Contains("clean shutdown file was found", StringComparison.Ordinal));
        MustNotComplain(log);
        Settle(java, directory);
        Fill(java, directory, round);
        files.MustBePrefixes();
    }

    private static void Fill(JavaProcess java, SharedDirectory directory, int round)
    {
        java.Run("fill", directory.Bootstrap, $"{round}");
        java.Run("churn", directory.Bootstrap, $"{round}", $"{Changes}");
    }

    /// <summary>What the other broker left open is ended here: by the producers that come back, the rest by hand.</summary>
    private static void Settle(JavaProcess java, SharedDirectory directory)
    {
        AdminTools tools = new(java, directory);
        java.Run("settle", directory.Bootstrap, "fence");
        Assert.Equal(2, tools.AbortTransactions());
        Assert.Equal(0, tools.AbortTransactions());
    }

    /// <summary>What clients see, and what the tools print.</summary>
    private static Description Describe(JavaProcess java, SharedDirectory directory) =>
        directory.Describe(java).With(new AdminTools(java, directory).Lines());

    /// <summary>The description says what the test is about: otherwise two empty ones would be equal.</summary>
    private static void CheckContent(Description description)
    {
        int committed = description.Count("read_committed\ttransactions-");
        int all = description.Count("read_uncommitted\ttransactions-");
        Assert.True(all > committed && committed > 0, $"{committed} records of {all} are committed");
        Assert.Equal(5, description.Count("topic\tcodec-"));
        Assert.DoesNotContain("offset\trecords-deleted-0 start\t0 -1", description.Lines);
        Assert.Equal(4, description.Count("committed\tclassic codec-"));
        Assert.Equal(2, description.Count("shared\tcodec-none-"));
        Assert.True(description.Count("read_committed newest\tcompacted ") >= 9);
        Assert.Contains(description.Lines, line => line.StartsWith("producer\tsequences-0", StringComparison.Ordinal));
    }

    /// <summary>Nothing in Apache Kafka's log says that something is not as it should be.</summary>
    internal static void MustNotComplain(string[] log)
    {
        int at = Array.FindIndex(log, IsComplaint);
        Assert.True(at < 0, at < 0 ? "" : string.Join('\n', log.Skip(at).Take(LinesShown)));
    }

    private static bool IsComplaint(string line) =>
        (line.Contains("] WARN ", StringComparison.Ordinal) || line.Contains("] ERROR ", StringComparison.Ordinal))
        // It says so at each start.
        && !line.Contains("Performing controller activation", StringComparison.Ordinal)
        // Its controller registers with itself, at times before it is active, and tries again.
        && !line.Contains("request RequestHeader(apiKey=CONTROLLER_REGISTRATION", StringComparison.Ordinal);
}
