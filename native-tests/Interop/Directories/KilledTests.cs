using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>One broker is killed under load and the other recovers its directory: what was acknowledged is there.</summary>
[Trait("Io", "once")]
public sealed class KilledTests(ITestOutputHelper output)
{
    /// <summary>Acknowledgements before the kill: some hundred batches, several segments.</summary>
    private const int LinesMin = 20_000;

    [Fact]
    public void What_the_killed_one_acknowledged_the_other_one_shows()
    {
        using JavaProcess? java = JavaProcess.Start(output);
        if (java is null)
        {
            return;
        }
        using SharedDirectory directory = new();
        Description before;
        using (JavaProcess apache = JavaProcess.Start(output)!)
        {
            apache.Run("format", directory.ConfigFile, SharedDirectory.ClusterId);
            apache.Run("start", directory.ConfigFile);
            java.Run("fill", directory.Bootstrap, "0");
            java.Run("prepare", directory.Bootstrap);
            before = directory.Describe(java);
            Load(java, directory, "0", apache.Kill);
        }
        LogFiles files = LogFiles.Of(directory);
        using (BrokerProcess broker = directory.StartBroker())
        {
            Check(directory, "0", before, directory.Describe(java));
            broker.Stop();
        }
        files.MustBePrefixes();
        new DirectoryDump(java, directory).Check();
        using (BrokerProcess broker = directory.StartBroker())
        {
            java.Run("fill", directory.Bootstrap, "1");
            before = directory.Describe(java);
            Load(java, directory, "1", broker.Kill);
        }
        files = LogFiles.Of(directory);
        java.Run("start", directory.ConfigFile);
        Description recovered = directory.Describe(java);
        Check(directory, "1", before, recovered);
        java.Run("stop");
        files.MustBePrefixes();
        using (BrokerProcess broker = directory.StartBroker())
        {
            recovered.MustEqual(directory.Describe(java), "what Apache Kafka recovered");
            broker.Stop();
        }
    }

    private static void Load(JavaProcess java, SharedDirectory directory, string round, Action kill)
    {
        string file = directory.Beside($"acknowledged-{round}");
        java.Send("load", directory.Bootstrap, round, file);
        Until.Holds(() => Acknowledged.Count(file) > LinesMin, "the load runs");
        kill();
        java.AwaitDone("load");
    }

    private static void Check(SharedDirectory directory, string round, Description before, Description after)
    {
        Acknowledged.Read(directory.Beside($"acknowledged-{round}")).MustBeIn(after);
        before.Where(IsAtRest).MustEqual(after.Where(IsAtRest), "what nobody changed when the broker was killed");
    }

    /// <summary>
    /// Where a log starts after a deletion of records is written down once a minute by both; until then a kill brings
    /// records back.
    /// </summary>
    private static bool IsAtRest(string line) =>
        !line.Contains("load", StringComparison.Ordinal) && !line.Contains("records-deleted", StringComparison.Ordinal);
}
