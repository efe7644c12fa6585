using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>A data directory goes from Apache Kafka to this broker and back, at every clean stop, with all that is in it.</summary>
[Trait("Io", "once")]
public sealed class BothWaysTests(ITestOutputHelper output)
{
    [Fact]
    public void A_directory_of_Apache_Kafka_comes_here_and_goes_back()
    {
        using JavaProcess? java = JavaProcess.Start(output);
        if (java is null)
        {
            return;
        }
        using SharedDirectory directory = new();
        java.Run("format", directory.ConfigFile, SharedDirectory.ClusterId);
        java.Run("start", directory.ConfigFile);
        java.Run("fill", [directory.Bootstrap, "0", .. Abilities.All]);
        Description first = directory.Describe(java, Abilities.All);
        CheckContent(first);
        java.Run("stop");

        Description back = TakeOver(java, directory, first, round: 1);
        GiveBack(java, directory, back, first, round: 2);
        Description second = directory.Describe(java, Abilities.All);
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
        using SharedDirectory directory = new(isSpread: true);
        Description first;
        using (BrokerProcess broker = directory.StartBroker())
        {
            java.Run("fill", [directory.Bootstrap, "0", .. Abilities.Here]);
            first = directory.Describe(java, Abilities.Here);
            broker.Stop();
        }
        GiveBack(java, directory, first, first, round: 1);
        Description second = directory.Describe(java, Abilities.All);
        CheckContent(second);
        java.Run("stop");
        TakeOver(java, directory, second, round: 2);
    }

    /// <summary>This broker starts on a directory of Apache Kafka, shows the same, adds a round of its own and stops.</summary>
    private static Description TakeOver(JavaProcess java, SharedDirectory directory, Description before, int round)
    {
        LogFiles files = LogFiles.Of(directory);
        using BrokerProcess broker = directory.StartBroker();
        Description found = directory.Describe(java, Abilities.Here);
        before
            .Where(Abilities.IsServedHere)
            .MustEqual(found.Where(Abilities.IsServedHere), "what this broker shows of it");
        java.Run("fill", [directory.Bootstrap, $"{round}", .. Abilities.Here]);
        Description filled = directory.Describe(java, Abilities.Here);
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
    private static void GiveBack(
        JavaProcess java,
        SharedDirectory directory,
        Description before,
        Description lastOfApache,
        int round
    )
    {
        LogFiles files = LogFiles.Of(directory);
        int logged = java.Errors.Count;
        java.Run("start", directory.ConfigFile);
        Description found = directory.Describe(java, Abilities.All);
        before
            .Where(Abilities.IsServedHere)
            .MustEqual(found.Where(Abilities.IsServedHere), "what Apache Kafka shows of it");
        if (!ReferenceEquals(before, lastOfApache))
        {
            Description kept = lastOfApache.Where(Abilities.IsKeptOnly);
            Assert.NotEmpty(kept.Lines);
            kept.MustEqual(found.Where(Abilities.IsKeptOnly), "what this broker only kept");
        }
        string[] log = [.. java.Errors.Skip(logged)];
        Assert.Contains(log, line => line.Contains("clean shutdown file was found", StringComparison.Ordinal));
        Assert.DoesNotContain(log, IsComplaint);
        java.Run("fill", [directory.Bootstrap, $"{round}", .. Abilities.All]);
        files.MustBePrefixes();
    }

    /// <summary>The description says what the test is about: otherwise two empty ones would be equal.</summary>
    private static void CheckContent(Description description)
    {
        int committed = description.Count("read_committed\ttransactions-");
        int all = description.Count("read_uncommitted\ttransactions-");
        Assert.True(all > committed && committed > 0, $"{committed} records of {all} are committed");
        Assert.Equal(5, description.Count("topic\tcodec-"));
        Assert.DoesNotContain("offset\trecords-deleted-0 start\t0 -1", description.Lines);
        Assert.Equal(4, description.Count("committed\tclassic codec-"));
        Assert.True(description.Count("read_committed newest\tcompacted ") >= 9);
        Assert.Contains(description.Lines, line => line.StartsWith("producer\tsequences-0", StringComparison.Ordinal));
    }

    private static bool IsComplaint(string line) =>
        (line.Contains("] WARN ", StringComparison.Ordinal) || line.Contains("] ERROR ", StringComparison.Ordinal))
        // It says so at each start.
        && !line.Contains("Performing controller activation", StringComparison.Ordinal);
}
