using System.Diagnostics;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>
/// The program in <c>java/</c> as a process: Apache Kafka, its client and its tools in one, so that a start of the broker
/// costs a second. One command at a time.
/// </summary>
internal sealed class JavaProcess : IDisposable
{
    private const int LinesShown = 60;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    private readonly Process _process;
    private readonly List<string> _errors = [];

    private JavaProcess(string classPath, string classes)
    {
        string[] arguments =
        [
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.storage.internals.log.LogManager=info",
            "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients=error",
            $"-Dtools={Peers.KafkaToolsClassPath}",
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
        _process.ErrorDataReceived += (_, line) => AddError(line.Data);
        _process.BeginErrorReadLine();
    }

    /// <summary>Null after having said that the test is skipped.</summary>
    public static JavaProcess? Start(ITestOutputHelper output)
    {
        if (Peers.KafkaClassPath is not { } classPath)
        {
            Peers.Skip(output, "Apache Kafka (and a Java compiler)");
            return null;
        }
        string sources = Path.Combine(Repository.Root, "native-tests", "Interop", "Directories", "java");
        return new JavaProcess(classPath, JavaProgram.Compile(sources, classPath));
    }

    /// <summary>What it wrote to standard error so far, its log included.</summary>
    public IReadOnlyList<string> Errors
    {
        get
        {
            lock (_errors)
            {
                return [.. _errors];
            }
        }
    }

    public void Run(string command, params string[] words)
    {
        Send(command, words);
        AwaitDone(command);
    }

    /// <summary>One of Apache Kafka's tools, by its class behind <c>org.apache.kafka.tools.</c>; what it printed.</summary>
    public IEnumerable<string> RunTool(string tool, string outputFile, string[] words)
    {
        try
        {
            Run("tool", [$"org.apache.kafka.tools.{tool}", outputFile, .. words]);
        }
        catch (HarnessException failure)
        {
            string printed = string.Join('\n', File.ReadLines(outputFile).TakeLast(LinesShown));
            throw new HarnessException($"{tool} {string.Join(' ', words)}:\n{printed}\n{failure.Message}");
        }
        return File.ReadLines(outputFile);
    }

    /// <summary>The same without waiting; <see cref="AwaitDone"/> has to follow.</summary>
    public void Send(string command, params string[] words) =>
        _process.StandardInput.WriteLine(string.Join('\t', [command, .. words]));

    public void AwaitDone(string command)
    {
        Task<string?> answer = Task.Run(_process.StandardOutput.ReadLine);
        if (!answer.Wait(s_limit) || answer.Result != "done")
        {
            throw new HarnessException($"{command}: no success\n{string.Join('\n', Errors.TakeLast(LinesShown))}");
        }
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }
        _process.Dispose();
    }

    private void AddError(string? line)
    {
        lock (_errors)
        {
            _errors.Add(line ?? "");
        }
    }
}
