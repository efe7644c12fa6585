using Xunit.Abstractions;

namespace Aot.Broker.Harness;

/// <summary>
/// The folder of other clients and of Apache Kafka: AOT_BROKER_PEERS, or <c>shared/peers</c> beside the checkout or
/// above it. It is no part of the project: a test that needs what is not there returns after
/// <see cref="Skip"/>, and the summary of the test run counts it as skipped.
/// <code>if (Peers.Kafka is not { } kafka) { Peers.Skip(output, "Apache Kafka's tools"); return; }</code>
/// </summary>
public static class Peers
{
    public static string? Folder { get; } = FindFolder();

    /// <summary>The script that runs Apache Kafka's tools; null without it or without Java.</summary>
    public static string? Kafka => Tool.Find("java") is null ? null : Existing("kafka", "kafka");

    /// <summary>The class path of Apache Kafka's newest broker and client; null where it or a Java compiler is missing.</summary>
    public static string? KafkaClassPath => ClassPath("kafka_*.jar");

    /// <summary>That of the newest version that has the command-line tools.</summary>
    public static string? KafkaToolsClassPath => ClassPath("kafka-tools-*.jar");

    /// <summary>The script that makes a Python environment with clients.</summary>
    public static string? PythonInstall => Existing("python", "install");

    /// <summary>Says, as the first line of the test's output, that it did not test anything and why.</summary>
    public static void Skip(ITestOutputHelper output, string whatIsMissing) =>
        output.WriteLine(
            $"SKIPPED: {whatIsMissing} not found (AOT_BROKER_PEERS, or a folder shared/peers beside the checkout)"
        );

    /// <summary>The same for a program that a package would bring.</summary>
    public static void SkipProgram(ITestOutputHelper output, string program) =>
        output.WriteLine($"SKIPPED: {program} is not installed");

    /// <summary>Runs one of Apache Kafka's tools by the name of its script, without <c>.sh</c> and <c>kafka-</c>.</summary>
    public static ToolResult RunKafka(
        string tool,
        IEnumerable<string> arguments,
        string? input = null,
        TimeSpan? limit = null
    ) =>
        Tool.Run(
            Kafka ?? throw new HarnessException("Apache Kafka is not here: test Peers.Kafka first"),
            [tool, .. arguments],
            input,
            limit: limit
        );

    /// <summary>The newest version that has such a file, and what all versions share.</summary>
    private static string? ClassPath(string jar)
    {
        if (Kafka is not { } script || Tool.Find("javac") is null)
        {
            return null;
        }
        string folder = Path.GetDirectoryName(script)!;
        string? newest = Directory
            .GetDirectories(folder)
            .Where(path => Directory.EnumerateFiles(path, jar).Any())
            .MaxBy(path => Version.TryParse(Path.GetFileName(path), out Version? version) ? version : null);
        return newest is null ? null : $"{newest}/*:{folder}/common/*";
    }

    private static string? Existing(params string[] parts)
    {
        string? path = Folder is null ? null : Path.Combine([Folder, .. parts]);
        return File.Exists(path) ? path : null;
    }

    private static string? FindFolder()
    {
        if (Environment.GetEnvironmentVariable("AOT_BROKER_PEERS") is { Length: > 0 } given)
        {
            return Directory.Exists(given) ? given : null;
        }
        for (DirectoryInfo? at = new(Repository.Root); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "shared", "peers");
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }
        return null;
    }
}
