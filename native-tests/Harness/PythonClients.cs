namespace Aot.Broker.Harness;

/// <summary>
/// Python with clients: confluent-kafka, kafka-python 3 and aiokafka of the peers in an environment made once, and
/// Debian's python3-kafka under the system's interpreter.
/// </summary>
public static class PythonClients
{
    private static readonly Lazy<(string? Python, string Cause)> s_environment = new(Make);

    /// <summary>The interpreter of the environment; null where it cannot be made, and <see cref="Cause"/> says why.</summary>
    public static string? Python => s_environment.Value.Python;

    public static string Cause => s_environment.Value.Cause;

    /// <summary>The system's interpreter when it has kafka-python of Debian; else null.</summary>
    public static string? DebianPython { get; } = FindDebianPython();

    /// <summary>Runs a script; its text goes in by standard input.</summary>
    public static ToolResult Run(string python, string script, IEnumerable<string> arguments, TimeSpan? limit = null) =>
        Tool.Run(python, ["-", .. arguments], input: script, limit: limit);

    private static (string?, string) Make()
    {
        if (Peers.PythonInstall is not { } install)
        {
            return (null, "the Python clients of the peers");
        }
        string content = string.Join(
            '\n',
            Directory.GetFiles(Path.GetDirectoryName(install)!).Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );
        string? folder = CachedInstall.Get(
            "python",
            content,
            target => Tool.Run(install, [target], limit: TimeSpan.FromMinutes(5)),
            out string cause
        );
        return folder is null ? (null, $"a Python environment ({cause})") : (Path.Combine(folder, "bin", "python"), "");
    }

    private static string? FindDebianPython()
    {
        const string python = "/usr/bin/python3";
        return File.Exists(python) && Tool.Run(python, ["-c", "import kafka"]).ExitCode == 0 ? python : null;
    }
}
