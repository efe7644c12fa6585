using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Reading;

namespace Aot.Broker.Server.Share;

/// <summary>
/// A share partition at work: its records (<see cref="SharePartition"/>), the log that they are in, the share coordinator that
/// knows what became of them, the timer of their locks, and the fetches that wait for some to become free.
/// </summary>
/// <remarks>
/// Owner: the log's core. One write to the coordinator is under way at a time; what changes meanwhile goes with the next
/// one, so that a busy partition needs few of them and they arrive in order. An acknowledgement is answered after its write.
/// </remarks>
internal sealed class LoadedSharePartition : ITimerTarget
{
    private readonly SharePartitions _home;
    private readonly Queue<(long Change, TaskCompletionSource<ErrorCode> Saved)> _unsaved = [];
    private readonly TaskCompletionSource<ErrorCode> _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SharePartition? _records;
    private Task _saving = Task.CompletedTask;
    private bool _isSaving;
    private TimerHandle _timer = TimerHandle.None;
    private long _timerMillis = long.MaxValue;
    private int _stateEpoch;

    public LoadedSharePartition(SharePartitions home, ShareStateKey key, PartitionLog log)
    {
        _home = home;
        Key = key;
        Log = log;
        LeaderEpoch = log.LeaderEpoch;
        // The same in every process, so that a seed gives the same run.
        ulong group = Crc32C.Compute(Encoding.UTF8.GetBytes(key.GroupId)) * 0x9E3779B97F4A7C15UL;
        WatchKey = new WatchKey(log.WatchKey.High ^ group, ~log.WatchKey.Low);
    }

    public ShareStateKey Key { get; }

    public PartitionLog Log { get; }

    /// <summary>Watched by fetches of the group that wait: completed when records may have become free, or it ended.</summary>
    public WatchKey WatchKey { get; }

    /// <summary>Grows with each event that a waiting fetch should look at.</summary>
    public long Version { get; private set; }

    public int LeaderEpoch { get; }

    public bool IsLoaded => _records is not null;

    /// <summary>It was closed, fenced, or could not be loaded; the next request makes a new one.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Why loading failed.</summary>
    public ErrorCode Error { get; private set; }

    public SharePartition Records => _records!;

    /// <summary>The log and its leader are still those that this one began with.</summary>
    public bool IsCurrent => !IsOver && Log.Status != LogStatus.Closed && Log.LeaderEpoch == LeaderEpoch;

    private Core Core => _home.Core;

    /// <summary>Asks the share coordinator where the group stands, once; what came of it.</summary>
    public Task<ErrorCode> WhenLoaded => _loaded.Task;

    public async Task LoadAsync()
    {
        ShareStateRead read = await _home.Persister.ReadAsync(Core, Key, LeaderEpoch);
        Error = read.Error == ErrorCode.None ? ErrorCode.None : AsSeenByClients(read.Error);
        if (Error == ErrorCode.None && IsCurrent)
        {
            long start = read.StartOffset >= 0 ? read.StartOffset : _home.FirstOffset(Key.GroupId, Log);
            SharePartition records = new(start);
            if (records.TryLoad(read.Batches))
            {
                _stateEpoch = read.StateEpoch;
                _records = records;
            }
            else
            {
                Error = ErrorCode.UnknownServerError;
            }
        }
        else if (Error == ErrorCode.None)
        {
            Error = ErrorCode.NotLeaderOrFollower;
        }
        if (Error != ErrorCode.None)
        {
            _home.Drop(this);
        }
        _loaded.SetResult(Error);
        Wake();
    }

    /// <summary>Takes records for a member, of what was read from the log; how many.</summary>
    public int Acquire(in AcquireRequest request, ReadOnlySpan<BatchExtent> batches, List<AcquiredRange> into)
    {
        int acquired = Records.Acquire(request, batches, _home.Limits(Key.GroupId), into);
        WatchLocks();
        return acquired;
    }

    /// <summary>Takes acknowledgements; done when they are saved. See <see cref="SharePartition.Acknowledge"/>.</summary>
    public Task<ErrorCode> AcknowledgeAsync(string member, IReadOnlyList<AcknowledgedBatch> batches)
    {
        ErrorCode error = Records.Acknowledge(
            member,
            batches,
            _home.Limits(Key.GroupId),
            Core.NowMillis,
            out long change
        );
        return change == 0 ? Task.FromResult(error) : SaveAsync(change);
    }

    /// <summary>Gives back what a member holds; done when that is saved.</summary>
    public Task<ErrorCode> ReleaseAsync(string member)
    {
        long change = _records is null ? 0 : Records.Release(member, _home.Limits(Key.GroupId));
        return change == 0 ? Task.FromResult(ErrorCode.None) : SaveAsync(change);
    }

    /// <summary>The log begins later than the records do.</summary>
    public void FollowLogStart()
    {
        if (Log.LogStartOffset > Records.StartOffset)
        {
            Records.MoveStart(Log.LogStartOffset);
        }
    }

    /// <summary>Ends it; done when what was under way is saved or refused. Whoever waits for records looks again.</summary>
    public async Task CloseAsync()
    {
        End();
        await WhenLoaded;
        await _saving;
    }

    public void OnTimer(long token)
    {
        _timer = TimerHandle.None;
        _timerMillis = long.MaxValue;
        if (IsOver)
        {
            return;
        }
        if (Records.ExpireLocks(_home.Limits(Key.GroupId), Core.NowMillis))
        {
            Save();
            Wake();
        }
        WatchLocks();
    }

    internal void End()
    {
        IsOver = true;
        Core.Timers.Cancel(_timer);
        _timer = TimerHandle.None;
        Wake();
    }

    /// <summary>The timer may come early, when locks were renewed or given back since; then it is set anew.</summary>
    private void WatchLocks()
    {
        long next = Records.NextLockDeadlineMillis;
        if (next < _timerMillis && !IsOver)
        {
            Core.Timers.Cancel(_timer);
            _timer = Core.Timers.Schedule(next, this, 0);
            _timerMillis = next;
        }
    }

    private Task<ErrorCode> SaveAsync(long change)
    {
        TaskCompletionSource<ErrorCode> saved = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _unsaved.Enqueue((change, saved));
        Save();
        return saved.Task;
    }

    /// <summary>What acquiring has found to be missing or aborted is saved too, so that the start can move over it.</summary>
    public void Save()
    {
        if (!_isSaving && Records.HasUnsaved)
        {
            _isSaving = true;
            _saving = SaveAllAsync();
        }
    }

    private async Task SaveAllAsync()
    {
        while (Records.HasUnsaved)
        {
            List<ShareStateBatch> batches = [];
            long change = Records.TakeUnsaved(batches);
            // Without any, the log's start has passed what was to be saved; who waits for that is told all the same.
            ErrorCode error =
                batches.Count == 0
                    ? ErrorCode.None
                    : await _home.Persister.WriteAsync(
                        Core,
                        Key,
                        new ShareStateWrite(
                            _stateEpoch,
                            LeaderEpoch,
                            Records.StartOffset,
                            Records.CompleteCount,
                            batches
                        )
                    );
            Records.Complete(change, error == ErrorCode.None, _home.Limits(Key.GroupId), Core.NowMillis);
            // What was not saved is locked again, and the timer may have passed over it meanwhile.
            WatchLocks();
            if (error is ErrorCode.FencedStateEpoch or ErrorCode.FencedLeaderEpoch or ErrorCode.InvalidRequest)
            {
                // Somebody began the group's state anew, or ended it: what is known here is of no use any more.
                _home.Drop(this);
            }
            ErrorCode answer = error == ErrorCode.None ? ErrorCode.None : AsSeenByClients(error);
            while (
                _unsaved.TryPeek(out (long Change, TaskCompletionSource<ErrorCode> Saved) first)
                && first.Change <= change
            )
            {
                _unsaved.Dequeue();
                first.Saved.SetResult(answer);
            }
            Wake();
        }
        _isSaving = false;
    }

    private void Wake()
    {
        Version++;
        Core.Purgatory.CheckAndComplete(WatchKey);
    }

    /// <summary>What clients are told when the share coordinator refuses.</summary>
    private static ErrorCode AsSeenByClients(ErrorCode error) =>
        error switch
        {
            ErrorCode.CoordinatorNotAvailable or ErrorCode.CoordinatorLoadInProgress or ErrorCode.NotCoordinator =>
                ErrorCode.CoordinatorNotAvailable,
            ErrorCode.GroupIdNotFound or ErrorCode.UnknownTopicOrPartition => error,
            ErrorCode.FencedLeaderEpoch or ErrorCode.FencedStateEpoch => ErrorCode.NotLeaderOrFollower,
            _ => ErrorCode.UnknownServerError,
        };
}
