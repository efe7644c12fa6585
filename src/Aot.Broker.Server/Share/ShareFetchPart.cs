using System.Runtime.InteropServices;
using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Fetch;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Reading;

namespace Aot.Broker.Server.Share;

/// <summary>A partition of a share fetch: where its records are, and which of them the member got.</summary>
internal sealed class ShareFetchItem(SharePlace place)
{
    public SharePlace Place => place;

    /// <summary>What is read of the log.</summary>
    public FetchItem Read;

    public ErrorCode Error { get; set; }

    public LoadedSharePartition? Share { get; set; }

    /// <summary>What the share partition showed when it was looked at: a wait ends when it shows something else.</summary>
    public long SeenVersion { get; set; }

    /// <summary>It was read: it has records that the member may get.</summary>
    public bool IsRead { get; set; }

    public List<AcquiredRange> Acquired { get; } = [];

    /// <summary>The whole batches with the acquired records; nothing when the length is 0.</summary>
    public long Position { get; set; }

    public int Length { get; set; }
}

/// <summary>How much a visit to a core may take.</summary>
/// <param name="BytesMin">Less than this is waited for until the deadline.</param>
/// <param name="TakesRecords">False: it only waits until there are some.</param>
internal readonly record struct ShareFetchBudget(
    int RecordsMax,
    int BytesMin,
    int BytesMax,
    long DeadlineMillis,
    bool TakesRecords
);

/// <summary>
/// The partitions of one share fetch that belong to one core. On that core it reads, takes records for the member, and
/// waits when there are none: watched on its logs for new records, and on its share partitions for records that become
/// free, in the same step in which it looked, so that nothing is missed.
/// </summary>
/// <remarks>
/// Filled by the core of the connection; from the call of <see cref="FetchAsync"/> to its end it belongs to the core of the
/// logs. Leases keep the segments of the answer open until <see cref="Release"/>.
/// </remarks>
internal sealed class ShareFetchPart(CoreIndex target) : DelayedOperation, IFileTarget, IMailTarget
{
    private const int KindRelease = 0;
    private const int KindCollect = 1;

    private readonly FetchReads _reads = new();
    private readonly List<BatchExtent> _extents = [];
    private readonly List<WatchKey> _keys = [];
    private TaskCompletionSource? _wait;
    private TaskCompletionSource? _readAhead;
    private int _readsAhead;
    private int _coldLookups;
    private bool _isAnythingCold;
    private bool _isExpired;
    private bool _isCollected;
    private long _bytes;

    public CoreIndex Target => target;

    public required ShareSessionKey Member { get; init; }

    public required AcquireMode Mode { get; init; }

    public required int BatchSize { get; init; }

    public required ReadIsolation Isolation { get; init; }

    public List<ShareFetchItem> Items { get; } = [];

    /// <summary>Records that the member got.</summary>
    public int Records { get; private set; }

    /// <summary>Bytes of the batches that hold them.</summary>
    public long Bytes { get; private set; }

    /// <summary>No partition of it can be fetched from.</summary>
    public bool IsHopeless
    {
        get
        {
            foreach (ShareFetchItem item in Items)
            {
                if (item.Error == ErrorCode.None)
                {
                    return false;
                }
            }
            return true;
        }
    }

    /// <summary>On the core of the logs: takes what is there, or waits for it.</summary>
    public async Task FetchAsync(ServerCore owner, ShareFetchBudget budget)
    {
        _isExpired = false;
        _isCollected = false;
        Records = 0;
        while (!_isCollected)
        {
            ReadAll(owner, budget);
            if (_coldLookups > 0)
            {
                await ReadAheadAsync(owner.Core, forLookups: true);
                continue;
            }
            if (_bytes > 0 && (_bytes >= budget.BytesMin || IsTimeOver(owner, budget)))
            {
                if (!budget.TakesRecords)
                {
                    return;
                }
                if (_isAnythingCold)
                {
                    await ReadAheadAsync(owner.Core, forLookups: false);
                }
                if (_isCollected)
                {
                    return;
                }
                Take(owner, budget);
                if (Records > 0)
                {
                    return;
                }
            }
            if (IsTimeOver(owner, budget) || IsHopeless)
            {
                return;
            }
            await WaitAsync(owner.Core, budget.DeadlineMillis);
        }
    }

    /// <summary>The answer has left, or never will. From the core of the connection.</summary>
    public void Release(Core home) => Send(home, KindRelease);

    /// <summary>It should come back, with nothing more than it has. From the core of the connection.</summary>
    public void Collect(Core home) => Send(home, KindCollect);

    public void Receive(Core core, in Mail mail)
    {
        if (mail.Kind == KindRelease)
        {
            _reads.ReleaseLeases();
            return;
        }
        _isCollected = true;
        if (_wait is not null && core.Purgatory.Cancel(this))
        {
            EndWait();
        }
    }

    public void OnFileDone(long token, long result)
    {
        // A failed read-ahead only means that the lookup, or sendfile, will wait for the disk.
        if (--_readsAhead == 0)
        {
            _readAhead!.SetResult();
        }
    }

    protected override bool TryComplete()
    {
        foreach (ShareFetchItem item in Items)
        {
            if (item.Share is { } share && share.Version != item.SeenVersion)
            {
                return true;
            }
            if (
                item.IsRead
                && item.Read.Log is { } log
                && (
                    FetchReads.Limit(log, Isolation) != item.Read.SeenLimit
                    || log.LogStartOffset != item.Read.SeenStart
                    || log.Status == LogStatus.Closed
                )
            )
            {
                return true;
            }
        }
        return false;
    }

    protected override void OnExpire() => _isExpired = true;

    protected override void OnComplete() => EndWait();

    private bool IsTimeOver(ServerCore owner, in ShareFetchBudget budget) =>
        _isExpired || owner.Core.NowMillis >= budget.DeadlineMillis;

    private void Send(Core home, int kind)
    {
        Mail mail = new() { Target = this, Kind = kind };
        if (target == home.Index)
        {
            Receive(home, mail);
            return;
        }
        home.Post(target, mail);
    }

    private void ReadAll(ServerCore owner, in ShareFetchBudget budget)
    {
        _reads.ReleaseLeases();
        _bytes = 0;
        _coldLookups = 0;
        _isAnythingCold = false;
        int able = 0;
        foreach (ShareFetchItem item in Items)
        {
            item.IsRead = Prepare(owner, item);
            able += item.IsRead ? 1 : 0;
        }
        foreach (ShareFetchItem item in Items)
        {
            if (!item.IsRead)
            {
                continue;
            }
            item.Read.BytesMax = Math.Max(1, budget.BytesMax / able);
            _reads.Read(owner, ref item.Read, Isolation, budget.BytesMax - _bytes, _bytes == 0);
            if (item.Read.Error is not (ErrorCode.None or ErrorCode.OffsetOutOfRange))
            {
                item.Error = item.Read.Error;
            }
            _bytes += item.Read.Length;
            _coldLookups += item.Read.IsLookupCold ? 1 : 0;
            _isAnythingCold |= item.Read.IsCold;
        }
    }

    /// <summary>Where the member's next records are; false when it can have none now.</summary>
    private bool Prepare(ServerCore owner, ShareFetchItem item)
    {
        if (item.Error == ErrorCode.None && item.Share is { } before)
        {
            // Loading it has failed; a later request tries again.
            item.Error = before.Error;
        }
        if (item.Error != ErrorCode.None)
        {
            return false;
        }
        SharePartitions partitions = owner.SharePartitions!;
        LoadedSharePartition? share = partitions.GetOrLoad(Member.GroupId, item.Place.TopicId, item.Place.Partition);
        if (share is null || (share.IsOver && ReferenceEquals(share, item.Share)))
        {
            item.Error = ErrorCode.NotLeaderOrFollower;
            return false;
        }
        item.Share = share;
        item.SeenVersion = share.Version;
        if (!share.IsLoaded || share.IsOver)
        {
            return false;
        }
        share.FollowLogStart();
        if (!share.Records.CanAcquire(partitions.Limits(Member.GroupId)))
        {
            return false;
        }
        item.Read.TopicId = item.Place.TopicId;
        item.Read.Partition = item.Place.Partition;
        item.Read.FetchOffset = share.Records.NextFetchOffset;
        item.Read.CurrentLeaderEpoch = -1;
        item.Read.LastFetchedEpoch = -1;
        return true;
    }

    private void Take(ServerCore owner, in ShareFetchBudget budget)
    {
        Bytes = 0;
        foreach (ShareFetchItem item in Items)
        {
            item.Acquired.Clear();
            item.Length = 0;
            if (!item.IsRead || item.Read.Length == 0 || Records >= budget.RecordsMax || item.Share!.IsOver)
            {
                continue;
            }
            long lockEnd = owner.Core.NowMillis + owner.SharePartitions!.Limits(Member.GroupId).LockDurationMillis;
            AcquireRequest request = new(
                Member.MemberId,
                Mode,
                budget.RecordsMax - Records,
                BatchSize,
                item.Read.FetchOffset,
                lockEnd
            );
            Take(item, request);
            Bytes += item.Length;
        }
    }

    private void Take(ShareFetchItem item, in AcquireRequest request)
    {
        LoadedSharePartition share = item.Share!;
        long through = Math.Max(share.Records.EndOffset, request.FetchOffset) + request.RecordsMax;
        _extents.Clear();
        ErrorCode error = BatchExtents.Read(
            share.Log,
            item.Read.File,
            item.Read.Position,
            item.Read.Length,
            through,
            _extents
        );
        if (error != ErrorCode.None)
        {
            item.Error = error;
            return;
        }
        if (_extents.Count == 0)
        {
            return;
        }
        Span<BatchExtent> extents = CollectionsMarshal.AsSpan(_extents);
        int acquired = share.Acquire(request, extents, item.Acquired);
        if (item.Read.AbortedCount > 0 && acquired > 0)
        {
            Span<AbortedTransaction> aborted = CollectionsMarshal
                .AsSpan(_reads.Aborted)
                .Slice(item.Read.AbortedFirst, item.Read.AbortedCount);
            acquired -= AbortedRecords.Remove(extents, aborted, share, item.Acquired);
        }
        share.Save();
        Records += acquired;
        if (item.Acquired.Count > 0)
        {
            Cut(item, extents);
        }
    }

    /// <summary>From the batch with the first acquired record to the one with the last.</summary>
    private static void Cut(ShareFetchItem item, ReadOnlySpan<BatchExtent> extents)
    {
        int first = 0;
        while (extents[first].LastOffset < item.Acquired[0].FirstOffset)
        {
            first++;
        }
        int last = first;
        while (last + 1 < extents.Length && extents[last + 1].BaseOffset <= item.Acquired[^1].LastOffset)
        {
            last++;
        }
        item.Position = extents[first].Position;
        item.Length = (int)(extents[last].Position + extents[last].Bytes - item.Position);
    }

    private Task ReadAheadAsync(Core core, bool forLookups)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _readAhead = done;
        _readsAhead = 1;
        foreach (ShareFetchItem item in Items)
        {
            ref FetchItem read = ref item.Read;
            if (item.IsRead && (forLookups ? read.IsLookupCold : read.IsCold))
            {
                read.WarmUps += (byte)(forLookups ? 1 : 0);
                _readsAhead++;
                core.Io.ReadAhead(read.File, read.Position, forLookups ? read.ColdLength : read.Length, this, 0);
            }
        }
        OnFileDone(0, 0);
        return done.Task;
    }

    private Task WaitAsync(Core core, long deadlineMillis)
    {
        TaskCompletionSource wait = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _wait = wait;
        _keys.Clear();
        foreach (ShareFetchItem item in Items)
        {
            if (item.Error == ErrorCode.None && item.Share is { } share)
            {
                _keys.Add(share.WatchKey);
                _keys.Add(share.Log.WatchKey);
            }
        }
        core.Purgatory.TryCompleteElseWatch(this, CollectionsMarshal.AsSpan(_keys), deadlineMillis);
        return wait.Task;
    }

    private void EndWait()
    {
        TaskCompletionSource wait = _wait!;
        _wait = null;
        wait.SetResult();
    }
}
