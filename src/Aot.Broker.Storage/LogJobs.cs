using Aot.Broker.Base;

namespace Aot.Broker.Storage;

/// <summary>
/// Counts the work of a log that is under way outside its core (syncs, write-back, seals, renames), so that the log is
/// not closed, renamed or followed by another of its name while a helper thread still uses its paths or descriptors.
/// </summary>
/// <remarks>Owner: the log's core; Begin and End are called there.</remarks>
internal sealed class LogJobs
{
    private int _underWay;
    private TaskCompletionSource? _idle;

    [HotPath]
    public void Begin() => _underWay++;

    [HotPath]
    public void End()
    {
        Invariant.That(_underWay > 0);
        if (--_underWay == 0 && _idle is not null)
        {
            TellSlow();
        }
    }

    public async ValueTask WhenIdleAsync()
    {
        while (_underWay > 0)
        {
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await _idle.Task;
        }
    }

    private void TellSlow()
    {
        TaskCompletionSource idle = _idle!;
        _idle = null;
        idle.TrySetResult();
    }
}
