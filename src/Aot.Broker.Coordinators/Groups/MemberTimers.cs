using Aot.Broker.Base;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// What runs out for a member of a group whose assignment the broker decides: its session without a sign of life, and the
/// time that it has to give up what it holds. In memory only: after a restart everything begins anew. Owned by the shard's
/// core.
/// </summary>
internal sealed class MemberTimers
{
    private TimerHandle? _session;
    private TimerAction? _sessionTarget;
    private TimerHandle? _revocation;

    /// <summary>Member epoch that the time to give up was started for.</summary>
    public int RevocationEpoch { get; private set; }

    /// <summary>Begins the session anew; <paramref name="onEnd"/> counts from the first call on.</summary>
    public void RestartSession(Core core, int timeoutMs, Action onEnd)
    {
        Cancel(core, _session);
        _sessionTarget ??= new TimerAction(() =>
        {
            _session = null;
            onEnd();
        });
        _session = core.Timers.Schedule(core.NowMillis + timeoutMs, _sessionTarget, 0);
    }

    /// <summary>Begins it anew without an allocation; false where it has never begun.</summary>
    [HotPath]
    public bool TryRestartSession(Core core, int timeoutMs)
    {
        if (_sessionTarget is null)
        {
            return false;
        }
        Cancel(core, _session);
        _session = core.Timers.Schedule(core.NowMillis + timeoutMs, _sessionTarget, 0);
        return true;
    }

    /// <summary>Starts once per epoch.</summary>
    public void StartRevocation(Core core, int epoch, int timeoutMs, Action onEnd)
    {
        if (_revocation is not null && RevocationEpoch == epoch)
        {
            return;
        }
        StopRevocation(core);
        RevocationEpoch = epoch;
        _revocation = core.Timers.Schedule(
            core.NowMillis + timeoutMs,
            new TimerAction(() =>
            {
                _revocation = null;
                onEnd();
            }),
            0
        );
    }

    public void StopRevocation(Core core)
    {
        Cancel(core, _revocation);
        _revocation = null;
    }

    public void Stop(Core core)
    {
        Cancel(core, _session);
        _session = null;
        StopRevocation(core);
    }

    private static void Cancel(Core core, TimerHandle? timer)
    {
        if (timer is { } handle)
        {
            core.Timers.Cancel(handle);
        }
    }
}
