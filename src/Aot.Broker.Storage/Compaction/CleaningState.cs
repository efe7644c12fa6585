using Aot.Broker.Base;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Compaction;

/// <summary>What a log knows of its own compaction. Owner: the log's core.</summary>
internal sealed class CleaningState : ITimerTarget
{
    private TaskCompletionSource? _waiting;

    /// <summary>Everything below was cleaned; -1 = never. Written to <c>cleaner-offset-checkpoint</c>.</summary>
    public long FirstDirtyOffset { get; set; } = -1;

    public bool IsUnderWay { get; set; }

    /// <summary>
    /// Segments are being replaced: their names are changed on a helper thread, so nobody else deletes segments or drops
    /// what is known of them meanwhile.
    /// </summary>
    public bool IsSwapping { get; set; }

    /// <summary>The descriptors of a cleaned segment whose files did not get their names: kept until the log is closed.</summary>
    public SegmentHandle? Pinned { get; set; }

    /// <summary>See <see cref="SegmentAges"/>.</summary>
    public bool IsReadingAges { get; set; }

    /// <summary>A pass failed in a way that will not heal by itself: the log is left alone until the next start.</summary>
    public bool IsUncleanable { get; set; }

    /// <summary>After a failure that may heal: not before this time of the core's clock.</summary>
    public long NotBeforeMillis { get; set; }

    /// <summary>A pass waits because of the rate limit, or until the log ends.</summary>
    public async Task WaitAsync(Core core, long milliseconds)
    {
        Invariant.That(_waiting is null);
        _waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        TimerHandle timer = core.Timers.Schedule(core.NowMillis + milliseconds, this, 0);
        await _waiting.Task;
        core.Timers.Cancel(timer);
        _waiting = null;
    }

    /// <summary>The log ends: who waits goes on and sees it.</summary>
    public void Interrupt() => _waiting?.TrySetResult();

    void ITimerTarget.OnTimer(long token) => _waiting?.TrySetResult();
}
