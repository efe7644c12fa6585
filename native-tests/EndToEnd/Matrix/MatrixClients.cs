using Aot.Broker.Harness;

namespace Aot.Broker.EndToEnd.Tests.Matrix;

/// <summary>A row of the matrix: a client library, and how its agent is started.</summary>
/// <param name="Name">As in the table.</param>
/// <param name="Find">The agent, or null where the library is not here.</param>
/// <param name="Missing">What is not here then.</param>
internal sealed record MatrixClient(string Name, Func<AgentCommand?> Find, string Missing);

/// <summary>The rows of the matrix.</summary>
internal static class MatrixClients
{
    private static readonly string s_programs = Path.Combine(
        Repository.Root,
        "native-tests",
        "EndToEnd",
        "clients",
        "matrix"
    );

    /// <summary>What a client fails at with Apache Kafka in the same way (<c>./build.sh clients NAME HOST:PORT</c>), and how.</summary>
    public static IReadOnlyDictionary<(string Client, string Feature), string> OwnFaults { get; } =
        new Dictionary<(string, string), string>
        {
            [("kafka-python 2.0", "group: sticky")] = "it does not divide four partitions by two",
            [("@platformatic/kafka 1", "group: KIP-848")] = "a member goes on reading partitions that it has given up",
            [("@platformatic/kafka 1", "static members")] = "it leaves the group when it is closed",
        };

    public static IReadOnlyList<MatrixClient> All { get; } =
    [
        new("Java 4.4", Java, "Apache Kafka's Java client and a Java compiler"),
        new("librdkafka 2.16", () => Python(PythonClients.Python, "confluent.py"), "confluent-kafka"),
        new("kcat (Debian)", Kcat, "kcat"),
        new("kafka-python 3.0", () => Python(PythonClients.Python, "kafka_python.py"), "kafka-python"),
        new("kafka-python 2.0", () => Python(PythonClients.DebianPython, "kafka_python.py"), "Debian's python3-kafka"),
        new("aiokafka 0.14", () => Python(PythonClients.Python, "aiokafka_agent.py"), "aiokafka"),
        new("kafkajs 2.2", () => Node("kafkajs.mjs"), "kafkajs"),
        new("@platformatic/kafka 1", () => Node("platformatic.mjs"), "@platformatic/kafka"),
    ];

    private static AgentCommand? Java() =>
        Peers.KafkaClassPath is { } classPath
            ? AgentCommand.Of(
                "java",
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-cp",
                $"{classPath}:{JavaProgram.Compile(Path.Combine(s_programs, "java"), classPath)}",
                "Agent"
            )
            : null;

    private static AgentCommand? Python(string? python, string program) =>
        // -B: no compiled files among the sources.
        python is null
            ? null
            : AgentCommand.Of(python, "-B", Path.Combine(s_programs, program));

    private static AgentCommand? Kcat() =>
        Tool.Find("kcat") is null || Tool.Find("python3") is null
            ? null
            : AgentCommand.Of("python3", "-B", Path.Combine(s_programs, "kcat.py"));

    private static AgentCommand? Node(string program) =>
        NodeClients.Folder is { } folder
            ? new AgentCommand(
                "node",
                [Path.Combine(s_programs, program)],
                new Dictionary<string, string> { ["NODE_PATH"] = Path.Combine(folder, "node_modules") }
            )
            : null;
}
