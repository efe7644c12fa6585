using System.Diagnostics;
using Aot.Broker.Harness;

namespace Aot.Broker.Faults.Tests;

/// <summary>A broker that has nothing but a configuration file: no option of the harness speaks into it.</summary>
internal sealed class StockBroker : IDisposable
{
    private readonly Process _process;
    private readonly BoundedText _errors = new(100_000);

    public StockBroker(string configFile)
    {
        ProcessStartInfo start = new(Repository.Binary, ["serve", "--config", configFile])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => _errors.AddLine(line.Data ?? "");
        _process.BeginErrorReadLine();
        ReadyLine = _process.StandardOutput.ReadLine() ?? throw new HarnessException($"the broker ended\n{_errors}");
    }

    public string ReadyLine { get; }

    public string Errors => _errors.ToString();

    /// <summary>SIGTERM; the exit code.</summary>
    public int Stop()
    {
        Tool.Run("kill", ["-TERM", _process.Id.ToString()]).Ok();
        Assert.True(_process.WaitForExit(Until.Limit), Errors);
        _process.WaitForExit();
        return _process.ExitCode;
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
