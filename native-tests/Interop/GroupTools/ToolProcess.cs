using System.Diagnostics;
using System.Text;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests.GroupTools;

/// <summary>The program in <c>java/</c>: Apache Kafka's tools, run one after another in a process that is warm.</summary>
internal sealed class ToolProcess : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly BoundedText _errors = new(256 * 1024);

    private ToolProcess(string classPath, string classes)
    {
        string[] arguments =
        [
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
            "-cp",
            $"{classPath}:{classes}",
            "Main",
        ];
        ProcessStartInfo start = new("java", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start) ?? throw new HarnessException("java does not start");
        _process.ErrorDataReceived += (_, line) => _errors.AddLine(line.Data ?? "");
        _process.BeginErrorReadLine();
    }

    /// <summary>Null after having said that the test is skipped.</summary>
    public static ToolProcess? Start(ITestOutputHelper output)
    {
        if (Peers.KafkaToolsClassPath is not { } classPath)
        {
            Peers.Skip(output, "Apache Kafka's tools (and a Java compiler)");
            return null;
        }
        string sources = Path.Combine(Repository.Root, "native-tests", "Interop", "GroupTools", "java");
        return new ToolProcess(classPath, JavaProgram.Compile(sources, classPath));
    }

    /// <summary>What was printed, errors too.</summary>
    public string Run(string command, params IEnumerable<string> words)
    {
        _process.StandardInput.WriteLine(string.Join('\t', [command, .. words]));
        _process.StandardInput.Flush();
        Task<string?> answer = Task.Run(_process.StandardOutput.ReadLine);
        if (!answer.Wait(s_limit) || answer.Result is not { } line)
        {
            throw new HarnessException($"{command}: no answer\n{_errors}");
        }
        string said = Encoding.UTF8.GetString(Convert.FromBase64String(line));
        return said.StartsWith("FAILED ", StringComparison.Ordinal)
            ? throw new HarnessException($"{command} {string.Join(' ', words)}: {said}\n{_errors}")
            : said;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }
        _process.Dispose();
    }
}
