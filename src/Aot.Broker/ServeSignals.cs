using System.Runtime.InteropServices;
using Aot.Broker.Base;
using Aot.Broker.CommandLine;
using Aot.Broker.Linux;

namespace Aot.Broker;

/// <summary>SIGTERM and SIGINT: the first asks for an orderly stop, the second ends the process at once.</summary>
internal sealed class ServeSignals : IDisposable
{
    private static readonly Logger s_log = Log.For("serve");

    private readonly TaskCompletionSource _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PosixSignalRegistration[] _registrations;
    private int _count;

    public ServeSignals() =>
        _registrations = [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        ];

    /// <summary>Completes with the first signal.</summary>
    public Task Stop => _stop.Task;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _count) == 1)
        {
            s_log.Info("stopping", ("signal", context.Signal));
            _stop.TrySetResult();
            return;
        }
        Log.Process.Flush(TimeSpan.FromMilliseconds(100));
        Processes.ExitAtOnce((int)ExitCode.Fatal);
    }
}
