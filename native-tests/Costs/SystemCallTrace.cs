using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Costs.Tests;

/// <summary>How often a system call was made, and the sum of what it returned where it did not fail.</summary>
internal readonly record struct CallCount(long Calls, long Results);

/// <summary>
/// The system calls of a running process and all its threads, from when this is made until <see cref="Stop"/>. Calls by
/// which threads only wait for each other, or a signal is delivered, are left out: they follow the scheduler.
/// </summary>
internal sealed partial class SystemCallTrace : IDisposable
{
    private static readonly string[] s_scheduling =
    [
        "futex",
        "restart_syscall",
        "rt_sigreturn",
        "sched_yield",
        "getrusage",
    ];

    private readonly Process _strace;
    private readonly string _file = Path.GetTempFileName();
    private readonly ManualResetEventSlim _attached = new(false);
    private readonly BoundedText _errors = new(64 * 1024);

    public SystemCallTrace(BrokerProcess broker)
    {
        ProcessStartInfo start = new(
            "strace",
            ["-f", "-s", "0", "-e", "signal=none", "-o", _file, "-p", $"{broker.Pid}"]
        )
        {
            RedirectStandardError = true,
        };
        _strace = Process.Start(start) ?? throw new HarnessException("strace does not start");
        _strace.ErrorDataReceived += (_, line) =>
        {
            _errors.AddLine(line.Data ?? "");
            if (line.Data is null || line.Data.Contains("attached", StringComparison.Ordinal))
            {
                _attached.Set();
            }
        };
        _strace.BeginErrorReadLine();
        if (!_attached.Wait(Until.Limit) || _strace.HasExited)
        {
            throw new HarnessException($"strace has not attached:\n{_errors}");
        }
    }

    /// <summary>False, with a line that says so, where a process cannot be traced.</summary>
    public static bool IsPossible(ITestOutputHelper output)
    {
        if (Tool.Find("strace") is null || Tool.Run("strace", ["-o", "/dev/null", "true"]).ExitCode != 0)
        {
            Peers.SkipProgram(output, "strace (or it may not attach to a process)");
            return false;
        }
        return true;
    }

    /// <summary>Ends the trace; by the name of the call, what the whole process did.</summary>
    public Dictionary<string, CallCount> Stop()
    {
        // strace detaches on SIGINT, writes what it knows, and leaves the process as it was.
        Tool.Run("kill", ["-INT", $"{_strace.Id}"]).Ok();
        if (!_strace.WaitForExit(Until.Limit))
        {
            throw new HarnessException($"strace does not end:\n{_errors}");
        }
        Dictionary<string, CallCount> counts = [];
        foreach (string line in File.ReadLines(_file))
        {
            if (Call().Match(line) is not { Success: true } call)
            {
                continue;
            }
            string name = call.Groups["name"].Value;
            // Each call once: another thread's may have cut it into two lines.
            bool isBegun = !call.Groups["resumed"].Success;
            long result = call.Groups["result"] is { Success: true } value
                ? long.Parse(value.Value, CultureInfo.InvariantCulture)
                : 0;
            CallCount sum = counts.GetValueOrDefault(name);
            counts[name] = new CallCount(sum.Calls + (isBegun ? 1 : 0), sum.Results + result);
        }
        foreach (string name in s_scheduling)
        {
            counts.Remove(name);
        }
        return counts;
    }

    public void Dispose()
    {
        if (!_strace.HasExited)
        {
            _strace.Kill();
            _strace.WaitForExit();
        }
        _strace.Dispose();
        _attached.Dispose();
        File.Delete(_file);
    }

    [GeneratedRegex(@"^\d+ +(?<resumed><\.\.\. )?(?<name>\w+)(\(| resumed>)(.* = (?<result>\d+))?")]
    private static partial Regex Call();
}
