using System.Net;
using System.Net.Sockets;
using Aot.Broker.Harness;

namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>Data directories and the one <c>server.properties</c> with which either broker runs on them.</summary>
internal sealed class SharedDirectory : IDisposable
{
    public const string ClusterId = "MkU3OEVBNTcwNTJENDM2Qk";

    private readonly string _folder = Directory.CreateTempSubdirectory("aot-broker-both-").FullName;
    private readonly string _metadataDir;
    private int _descriptions;

    /// <summary>One directory for all, or several of partitions and another one of the metadata log.</summary>
    public SharedDirectory(int directories = 1, params string[] settings)
    {
        (int broker, int controller) = FreePorts();
        Bootstrap = $"127.0.0.1:{broker}";
        LogDirs = [Beside("data"), .. Enumerable.Range(2, directories - 1).Select(number => Beside($"data-{number}"))];
        _metadataDir = directories > 1 ? Beside("metadata") : Beside("data");
        ConfigFile = Path.Combine(_folder, "server.properties");
        string[] lines =
        [
            "process.roles=broker,controller",
            "node.id=1",
            $"controller.quorum.voters=1@127.0.0.1:{controller}",
            $"listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
            "controller.listener.names=CONTROLLER",
            $"log.dirs={string.Join(',', LogDirs)}",
            $"metadata.log.dir={_metadataDir}",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=5",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "transaction.state.log.num.partitions=5",
            "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1",
            "share.coordinator.state.topic.num.partitions=5",
            "group.initial.rebalance.delay.ms=0",
            "log.cleaner.backoff.ms=100",
            "log.initial.task.delay.ms=100",
            .. settings,
        ];
        File.WriteAllLines(ConfigFile, lines);
    }

    public string ConfigFile { get; }

    /// <summary><c>log.dirs</c>.</summary>
    public string[] LogDirs { get; }

    public string Bootstrap { get; }

    /// <summary>The directories of partitions that are in use, the metadata log's among them.</summary>
    public IEnumerable<string> Partitions(string names = "*") =>
        LogDirs
            .Append(_metadataDir)
            .Distinct()
            .SelectMany(path => Directory.GetDirectories(path, names))
            .Where(path => !path.EndsWith("-delete", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    /// <summary>A path beside the data.</summary>
    public string Beside(string name) => Path.Combine(_folder, name);

    /// <summary>What the broker that runs shows.</summary>
    public Description Describe(JavaProcess java)
    {
        string file = Beside($"description-{++_descriptions}");
        java.Run("describe", Bootstrap, file);
        return Description.Read(file);
    }

    public BrokerProcess StartBroker() =>
        BrokerProcess.Start(
            new BrokerOptions
            {
                DataDirectory = LogDirs[0],
                ConfigFile = ConfigFile,
                ConfigFileOnly = true,
            }
        );

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>The voters are part of the file: the ports must be known before either broker runs.</summary>
    private static (int, int) FreePorts()
    {
        using TcpListener first = new(IPAddress.Loopback, 0);
        using TcpListener second = new(IPAddress.Loopback, 0);
        first.Start();
        second.Start();
        return (((IPEndPoint)first.LocalEndpoint).Port, ((IPEndPoint)second.LocalEndpoint).Port);
    }
}
