using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Aot.Broker.Harness;

/// <summary>How a broker is started for a test.</summary>
public sealed record BrokerOptions
{
    /// <summary>Null takes a new folder that is removed with the process object.</summary>
    public string? DataDirectory { get; init; }
    public string? ConfigFile { get; init; }
    public int? Cores { get; init; }

    /// <summary>
    /// Null takes AOT_BROKER_IO, by which <c>build.sh test</c> runs these tests a second time on the other backend. A test
    /// that names it, or that it cannot change (files of another broker), carries the trait Io=once.
    /// </summary>
    public string? Io { get; init; }
    public IReadOnlyList<string> Set { get; init; } = [];

    /// <summary>The address of clients; by default a free port of 127.0.0.1.</summary>
    public string Listen { get; init; } = "127.0.0.1:0";

    /// <summary>No option of the command line speaks into the configuration file, which must agree about the directory.</summary>
    public bool ConfigFileOnly { get; init; }

    /// <summary>Words before the binary, such as <c>strace -f -o FILE</c>.</summary>
    public IReadOnlyList<string> Wrapper { get; init; } = [];
}

/// <summary>
/// The native binary as a process of its own on a free port, with its data in a folder of its own. Ends with the
/// object, whatever the test did. What it wrote is kept within bounds and is in every message of failure.
/// </summary>
public sealed class BrokerProcess : IDisposable
{
    private const int SignalKill = 9;
    private const int SignalTerminate = 15;
    private const int SignalUser2 = 12;
    private const int SignalContinue = 18;
    private const int SignalStop = 19;
    private const int CharactersMax = 1024 * 1024;
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(60);

    private BrokerOptions _options;
    private readonly bool _ownsData;
    private Process? _process;
    private BoundedText _errors = new(CharactersMax);
    private BoundedText _output = new(CharactersMax);

    private BrokerProcess(BrokerOptions options)
    {
        _options = options;
        _ownsData = options.DataDirectory is null;
        DataDirectory = options.DataDirectory ?? Directory.CreateTempSubdirectory("aot-broker-").FullName;
    }

    public string DataDirectory { get; }
    public int Port { get; private set; }
    public string Bootstrap => $"127.0.0.1:{Port}";
    public int Pid => _process?.Id ?? throw new HarnessException("the broker was not started");
    public bool IsRunning => _process is { HasExited: false };

    /// <summary>The line that the broker printed when it was ready.</summary>
    public string ReadyLine { get; private set; } = "";

    /// <summary>From the start of the process until its ready line was read here.</summary>
    public TimeSpan ReadyAfter { get; private set; }

    public string Errors => _errors.ToString();
    public string Output => _output.ToString();

    /// <summary>Starts and waits until it is ready.</summary>
    public static BrokerProcess Start(BrokerOptions? options = null)
    {
        BrokerProcess broker = new(options ?? new BrokerOptions());
        try
        {
            broker.Start();
            return broker;
        }
        catch
        {
            broker.Dispose();
            throw;
        }
    }

    /// <summary>Starts a broker that is expected to refuse, and returns its exit code and what it wrote.</summary>
    public static ToolResult StartAndFail(BrokerOptions options) =>
        Tool.Run(
            Repository.Binary,
            ServeArguments(options, options.DataDirectory ?? throw new HarnessException("name a data directory")),
            limit: s_startLimit
        );

    /// <summary>A signal by pid: SIGTERM asks for an orderly end.</summary>
    public void Terminate() => Signal(SignalTerminate);

    /// <summary>SIGSTOP: the process stands still, with its sockets open, until <see cref="Resume"/>.</summary>
    public void Pause() => Signal(SignalStop);

    /// <summary>All threads stand still, by themselves or held by who traces them; the kernel's own threads of a ring never do.</summary>
    public bool IsPaused() =>
        Directory
            .GetDirectories($"/proc/{Pid}/task")
            .Select(task => File.ReadAllText(Path.Combine(task, "stat")))
            .All(stat =>
                stat.Contains("(iou-", StringComparison.Ordinal) || stat[stat.LastIndexOf(')') + 2] is 'T' or 't'
            );

    public void Resume() => Signal(SignalContinue);

    /// <summary>SIGKILL, and waits until the process is gone.</summary>
    public void Kill()
    {
        Signal(SignalKill);
        WaitForExit();
    }

    /// <summary>SIGTERM, and holds the exit code against what is expected.</summary>
    public void Stop(int exitCode = 0)
    {
        Terminate();
        int code = WaitForExit();
        if (code != exitCode)
        {
            throw new HarnessException($"exit code {code} after SIGTERM, expected {exitCode}\n{Describe()}");
        }
    }

    public int WaitForExit(TimeSpan? limit = null)
    {
        Process process = _process ?? throw new HarnessException("the broker was not started");
        if (!process.WaitForExit(limit ?? Until.Limit))
        {
            throw new HarnessException($"the broker still runs\n{Describe()}");
        }
        process.WaitForExit();
        return process.ExitCode;
    }

    /// <summary>As <see cref="Restart"/>, on the port that it had: for clients that go on by themselves.</summary>
    public void RestartInPlace()
    {
        _options = _options with { Listen = Bootstrap };
        Restart();
    }

    /// <summary>Starts again on the same data directory; the process must have ended.</summary>
    public void Restart()
    {
        if (IsRunning)
        {
            throw new HarnessException("stop or kill the broker before it is started again");
        }
        _process?.Dispose();
        Start();
    }

    public WireClient Connect() => new("127.0.0.1", Port);

    /// <summary>A number of /proc/PID/status in bytes, e.g. VmRSS or VmHWM.</summary>
    public long StatusBytes(string name)
    {
        string line = File.ReadLines($"/proc/{Pid}/status")
            .Single(text => text.StartsWith(name + ":", StringComparison.Ordinal));
        return long.Parse(line[(name.Length + 1)..].Replace("kB", "").Trim()) * 1024;
    }

    /// <summary>Asks the broker for what its cores have counted so far.</summary>
    public BrokerStatistics ReadStatistics()
    {
        string path = Path.Combine(DataDirectory, "statistics.json");
        long last = File.Exists(path) ? BrokerStatistics.Parse(File.ReadAllText(path)).Sequence : 0;
        Signal(SignalUser2);
        BrokerStatistics? read = null;
        Until.Holds(
            () => File.Exists(path) && (read = BrokerStatistics.Parse(File.ReadAllText(path))).Sequence > last,
            $"the broker has written {path}"
        );
        return read!;
    }

    /// <summary>Processor time used so far, by /proc/PID/stat.</summary>
    public TimeSpan ProcessorTime()
    {
        _process!.Refresh();
        return _process.TotalProcessorTime;
    }

    public int OpenFiles() => Directory.GetFiles($"/proc/{Pid}/fd").Length;

    public string Describe() => $"--- standard error\n{Errors}--- standard output\n{Output}---";

    public void Dispose()
    {
        if (IsRunning)
        {
            Signal(SignalKill);
            _process!.WaitForExit();
        }
        _process?.Dispose();
        if (_ownsData && Directory.Exists(DataDirectory))
        {
            Directory.Delete(DataDirectory, recursive: true);
        }
    }

    private static List<string> ServeArguments(BrokerOptions options, string data)
    {
        List<string> arguments = ["serve"];
        AddOption("--data", options.ConfigFileOnly ? null : data);
        AddOption("--listen", options.ConfigFileOnly ? null : options.Listen);
        AddOption("--config", options.ConfigFile);
        AddOption("--cores", options.Cores?.ToString());
        AddOption("--io", options.Io ?? Environment.GetEnvironmentVariable("AOT_BROKER_IO"));
        foreach (string setting in options.Set)
        {
            AddOption("--set", setting);
        }
        return arguments;

        void AddOption(string name, string? value)
        {
            if (value is not null)
            {
                arguments.Add(name);
                arguments.Add(value);
            }
        }
    }

    private void Start()
    {
        _errors = new BoundedText(CharactersMax);
        _output = new BoundedText(CharactersMax);
        List<string> words = [.. _options.Wrapper, Repository.Binary, .. ServeArguments(_options, DataDirectory)];
        ProcessStartInfo start = new(words[0], words.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string name in start.Environment.Keys.ToArray())
        {
            // Settings of the machine's own must not reach the broker under test.
            if (name.StartsWith("KAFKA_", StringComparison.Ordinal) || name == "CLUSTER_ID")
            {
                start.Environment.Remove(name);
            }
        }
        TaskCompletionSource<string?> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        BoundedText errors = _errors;
        BoundedText output = _output;
        long begin = Stopwatch.GetTimestamp();
        Process process = Process.Start(start) ?? throw new HarnessException($"could not start {words[0]}");
        _process = process;
        process.ErrorDataReceived += (_, line) => errors.AddLine(line.Data ?? "");
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null)
            {
                ready.TrySetResult(null);
                return;
            }
            output.AddLine(line.Data);
            if (line.Data.StartsWith("aot-broker ready", StringComparison.Ordinal))
            {
                ready.TrySetResult(line.Data);
            }
        };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        if (!ready.Task.Wait(s_startLimit))
        {
            throw new HarnessException($"the broker was not ready after {s_startLimit.TotalSeconds} s\n{Describe()}");
        }
        ReadyAfter = Stopwatch.GetElapsedTime(begin);
        if (ready.Task.Result is not { } line)
        {
            process.WaitForExit();
            throw new HarnessException($"the broker ended with code {process.ExitCode}\n{Describe()}");
        }
        ReadyLine = line;
        Port = ReadPort();
    }

    /// <summary>
    /// The port of the first listener for clients, from what the broker wrote beside its logs, or, where the disk had no
    /// space for that, from its ready line.
    /// </summary>
    private int ReadPort()
    {
        string path = Path.Combine(DataDirectory, "ports.json");
        if (!File.Exists(path))
        {
            string address = ReadyLine[..ReadyLine.IndexOf(',', StringComparison.Ordinal)];
            return int.Parse(address[(address.LastIndexOf(':') + 1)..]);
        }
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        return document.RootElement.GetProperty("listeners")[0].GetProperty("port").GetInt32();
    }

    private void Signal(int signal)
    {
        if (IsRunning && kill(Pid, signal) != 0 && IsRunning)
        {
            throw new HarnessException($"signal {signal} to {Pid} failed: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int kill(int pid, int signal);
}
