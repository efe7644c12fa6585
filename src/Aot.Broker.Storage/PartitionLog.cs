using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Appending;
using Aot.Broker.Storage.Compaction;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Moves;
using Aot.Broker.Storage.Producers;
using Aot.Broker.Storage.Reading;
using Aot.Broker.Storage.Recovery;
using Aot.Broker.Storage.Retention;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage;

/// <summary>
/// The log of one partition: Apache Kafka's files in one directory, and what is known about their content.
/// </summary>
/// <remarks>
/// Owner: one core, for life; every member is called there. What may block (fsync, deletion, recovery, closing) runs on
/// helper threads and comes back by mail.
/// <code>
/// LogStartOffset &lt;= LastStableOffset &lt;= HighWatermark &lt;= LogEndOffset &lt;= NextOffset
///                                                       written         given to queued batches
/// </code>
/// Life of an append: checked, stamped with its offsets in the caller's buffer, queued; at the end of the turn all queued
/// batches go out in one vectored write; then the high watermark moves, waiting fetches are completed, and last the
/// producers' answers are called. With one replica the high watermark follows the log end at once; a replicated log sets
/// <see cref="FollowsOwnEnd"/> to false and calls <see cref="AdvanceHighWatermark"/>.
/// An idle log has no descriptors and no buffers, only this object, its segments' numbers and its producers.
/// </remarks>
public sealed class PartitionLog : ITurnEnd
{
    private readonly LogAppender _appender;
    private readonly LogReader _reader;
    private readonly SegmentRoller _roller;
    private readonly LogFlusher _flusher;
    private readonly LogRetention _retention;
    private readonly LogLife _life;
    private readonly LogTruncation _truncation;
    private bool _isAtTurnEnd;
    private long _notifiedEnd;
    private long _notifiedStart;

    internal PartitionLog(Core core, LogSet set, LoadedLog loaded)
    {
        Core = core;
        Set = set;
        Name = loaded.Name;
        TopicId = loaded.TopicId;
        Directory = loaded.Directory;
        LogDirectory = loaded.LogDirectory;
        Config = loaded.Config;
        Segments = loaded.Segments;
        Producers = loaded.Producers;
        Epochs = loaded.Epochs;
        LogStartOffset = loaded.LogStartOffset;
        LogEndOffset = NextOffset = _notifiedEnd = loaded.LogEndOffset;
        HighWatermark = LastStableOffset = loaded.HighWatermark;
        _notifiedStart = LogStartOffset;
        LeaderEpoch = Epochs.LatestEpoch;
        SnapshotOffset = loaded.SnapshotOffset;
        ulong number = (ulong)(uint)Name.Partition * 0x9E3779B97F4A7C15UL;
        WatchKey = new WatchKey(TopicId.High ^ number, TopicId.Low);
        Queue = new AppendQueue(core, set.Batches);
        Waiters = new LogWaiters(set.Waiters);
        EpochFile = new EpochFile(core.Disk, Directory);
        Transactions = new LogTransactions(this);
        _roller = new SegmentRoller(this);
        _flusher = new LogFlusher(this);
        _appender = new LogAppender(this, _roller);
        _reader = new LogReader(this);
        _retention = new LogRetention(this, _roller);
        _truncation = new LogTruncation(this, _appender, _flusher, _roller);
        _life = new LogLife(this, _appender, _flusher, _roller, _truncation);
        UpdateStable();
        _flusher.Begin();
        _roller.SealUnsynced();
    }

    // Who it is ------------------------------------------------------------------------------------------------------

    public TopicPartition Name { get; }

    public KafkaUuid TopicId { get; }

    /// <summary>The partition's own directory.</summary>
    public string Directory { get; private set; }

    /// <summary>The entry of <c>log.dirs</c> that it is in.</summary>
    public LogDirectory LogDirectory { get; private set; }

    public LogConfig Config { get; private set; }

    public LogStatus Status { get; internal set; }

    /// <summary>Stamped into appended batches; -1 before the first leader.</summary>
    public int LeaderEpoch { get; private set; }

    /// <summary>Watched by fetches that wait: completed when an offset that a reader can see moves, or the log goes away.</summary>
    public WatchKey WatchKey { get; }

    // Offsets --------------------------------------------------------------------------------------------------------

    public long LogStartOffset { get; internal set; }

    /// <summary>The offset after the last written record.</summary>
    public long LogEndOffset { get; internal set; }

    public long HighWatermark { get; private set; }

    /// <summary>Where the first transaction begins that is not decided below the high watermark, else the high watermark.</summary>
    public long LastStableOffset { get; private set; }

    /// <summary>The offset that the next appended record gets: batches that are queued but not written have theirs already.</summary>
    public long NextOffset { get; internal set; }

    /// <summary>All records below are on the disk.</summary>
    public long RecoveryPoint => _flusher.RecoveryPoint;

    /// <summary>One replica: the high watermark follows what is written here.</summary>
    public bool FollowsOwnEnd { get; set; } = true;

    public long SizeInBytes => Segments.SizeInBytes;

    public int SegmentCount => Segments.Count;

    /// <summary>Base offset of the segment that is written now.</summary>
    public long ActiveSegmentBaseOffset => Segments.Active.BaseOffset;

    internal Core Core { get; }

    internal Disk Disk => Core.Disk;

    internal LogSet Set { get; }

    internal SegmentList Segments { get; }

    internal ProducerState Producers { get; private set; }

    /// <summary>Markers, and what the coordinator has to be asked about.</summary>
    public LogTransactions Transactions { get; }

    internal LeaderEpochCache Epochs { get; }

    internal AppendQueue Queue { get; }

    internal LogWaiters Waiters { get; }

    internal LogJobs Jobs { get; } = new();

    internal CleaningState Cleaning { get; } = new();

    internal MoveState Moves { get; } = new();

    internal EpochFile EpochFile { get; private set; }

    internal TailMap Tail { get; } = new();

    /// <summary>Offset of the newest producer snapshot on the disk; -1 without one.</summary>
    internal long SnapshotOffset { get; set; }

    /// <summary>Closed with everything on the disk that was appended.</summary>
    internal bool IsClosedWhole { get; set; }

    /// <summary>When it was last written or read: an idle log gives its memory back.</summary>
    internal long LastUsedMillis { get; set; }

    internal bool HoldsMemory { get; set; }

    /// <summary>Its files are there and stay as they are.</summary>
    internal bool IsReadable => Status is LogStatus.Open or LogStatus.Offline;

    // Appending ------------------------------------------------------------------------------------------------------

    /// <summary>
    /// Checks the batch, gives it its offsets in place and queues it. A client's source is exactly one batch; a replica's
    /// and the controller's may be several. With an error nothing was queued. <paramref name="nowMillis"/> is wall time.
    /// </summary>
    /// <remarks>
    /// The version of the produce request decides which codecs a client may use. With <paramref name="deferred"/> a batch
    /// that would keep the core for long is judged on another thread, and those that come behind it wait: the answer is
    /// then <see cref="AppendResult.IsDeferred"/>, the log keeps the bytes (a source that is held by the caller has to
    /// stay), and the outcome is called back. Without it every append is decided at once.
    /// </remarks>
    [HotPath]
    public AppendResult Append(
        in BatchSource batch,
        AppendOrigin origin,
        long nowMillis,
        short produceVersion = short.MaxValue,
        IDeferredAppend? deferred = null,
        long token = 0
    ) => _appender.Append(batch, origin, nowMillis, produceVersion, deferred, token);

    /// <summary>As <see cref="Append"/> for the control plane: offset and epoch are written into the bytes, which are copied before it returns.</summary>
    public unsafe AppendResult AppendCopy(Span<byte> batch, AppendOrigin origin, long nowMillis)
    {
        // SAFETY: the span is pinned for the call, and Append copies a source without owner (or writes it) before it returns.
        fixed (byte* address = batch)
        {
            return Append(BatchSource.Copied((nint)address, batch.Length), origin, nowMillis);
        }
    }

    /// <summary>
    /// Calls back when everything up to <paramref name="lastOffset"/> is written (and on the disk, where
    /// <c>flush.messages</c> asks for it), or will not be. Always later, never from inside this call.
    /// </summary>
    [HotPath]
    public void WhenWritten(long lastOffset, IAppendTarget target, long token)
    {
        Waiters.AddWritten(Wait(lastOffset, target, token), _flusher.AcknowledgedEnd);
        MarkAtTurnEnd();
    }

    /// <summary>As <see cref="WhenWritten"/>, when the high watermark is above <paramref name="lastOffset"/>.</summary>
    [HotPath]
    public void WhenCommitted(long lastOffset, IAppendTarget target, long token)
    {
        Waiters.AddCommitted(Wait(lastOffset, target, token), HighWatermark);
        MarkAtTurnEnd();
    }

    /// <summary>Takes a waiter back, for a caller that gives up (time-out). False: its call is on its way.</summary>
    public bool CancelWait(IAppendTarget target, long token) => Waiters.Cancel(target, token);

    /// <summary>Control plane form of <see cref="WhenCommitted"/>.</summary>
    public Task<ErrorCode> WhenCommittedAsync(long lastOffset)
    {
        CommitTask task = new();
        WhenCommitted(lastOffset, task, 0);
        return task.Task;
    }

    // Reading --------------------------------------------------------------------------------------------------------

    /// <summary>
    /// Where the bytes are that a fetch from <paramref name="offset"/> gets: from the batch that contains the offset, at
    /// most <paramref name="bytesMax"/> of one segment, up to the limit of the isolation. The first batch is never cut
    /// when <paramref name="atLeastOneBatch"/>; without it, a first batch that does not fit gives an empty slice.
    /// </summary>
    /// <remarks>
    /// Finding the place reads an index and a few batch headers. With <paramref name="mayDefer"/> that does not wait for a
    /// disk: see <see cref="LogSlice.IsLookupCold"/>.
    /// </remarks>
    [HotPath]
    public ErrorCode Read(
        long offset,
        int bytesMax,
        ReadIsolation isolation,
        bool atLeastOneBatch,
        out LogSlice slice,
        bool mayDefer = false
    ) => _reader.Read(offset, bytesMax, isolation, atLeastOneBatch, mayDefer, out slice);

    /// <summary>The aborted transactions that overlap [fetchOffset, upperBound), upperBound being the slice's.</summary>
    public void GetAbortedTransactions(long fetchOffset, long upperBound, List<AbortedTransaction> into) =>
        _reader.GetAbortedTransactions(fetchOffset, upperBound, into);

    /// <summary>The first record with a timestamp at or after the asked one. Exact; may read and decompress one batch.</summary>
    public TimestampOffset OffsetForTimestamp(long timestamp) => new TimestampLookup(this).FirstAtOrAfter(timestamp);

    /// <summary>The record with the largest timestamp (the first of them).</summary>
    public TimestampOffset OffsetOfMaxTimestamp() => new TimestampLookup(this).Largest();

    /// <summary>The largest epoch that is not above the asked one, and the offset where it ended; (-1, -1) if unknown.</summary>
    public (int Epoch, long EndOffset) EndOffsetForEpoch(int epoch) => Epochs.EndOffsetFor(epoch, LogEndOffset);

    /// <summary>The leader epoch in which an offset was written; -1 if unknown.</summary>
    public int EpochOf(long offset) => Epochs.EpochOf(offset);

    /// <summary>
    /// Copies whole batches from the one that contains <paramref name="offset"/> on, of everything that is written: their
    /// bytes, 0 at the end, or the negative size of the next batch when the buffer is too small for it.
    /// </summary>
    public int ReadForReplay(long offset, Span<byte> buffer) => _reader.ReadForReplay(offset, buffer);

    public IReadOnlyList<ProducerDescription> DescribeProducers() => Producers.Describe();

    // Leadership and configuration -----------------------------------------------------------------------------------

    /// <summary>This replica leads from its log end on: batches are stamped with the epoch from now on.</summary>
    public void BecomeLeader(int epoch)
    {
        Invariant.That(Status != LogStatus.Truncating);
        WriteQueued();
        LeaderEpoch = epoch;
        Epochs.Assign(epoch, NextOffset);
        // With one replica all that was found is committed: who replays the log next finds the watermark at its end.
        Publish();
        MarkAtTurnEnd();
    }

    /// <summary>A changed topic configuration; takes effect with the next append, and retention within seconds.</summary>
    public void Configure(LogConfig config)
    {
        if (config.DeletesOtherThan(Config))
        {
            Set.CheckRetentionSoon();
        }
        Config = config;
        MarkAtTurnEnd();
    }

    /// <summary>What the other replicas have acknowledged; only where <see cref="FollowsOwnEnd"/> is false.</summary>
    public void AdvanceHighWatermark(long offset)
    {
        Invariant.That(!FollowsOwnEnd);
        long bounded = Math.Min(offset, LogEndOffset);
        if (bounded > HighWatermark)
        {
            HighWatermark = bounded;
            MarkAtTurnEnd();
        }
    }

    // Deleting -------------------------------------------------------------------------------------------------------

    /// <summary>DeleteRecords: the log begins at the offset (-1 = the high watermark); whole segments below go away.</summary>
    public ErrorCode DeleteRecordsBefore(long offset) => _retention.DeleteRecordsBefore(offset);

    /// <summary>
    /// As <see cref="DeleteRecordsBefore"/>, and done when it cannot be undone by a crash: the checkpoint of log starts
    /// has it, and the files of deleted segments have lost their names for good.
    /// </summary>
    public ValueTask<ErrorCode> DeleteRecordsAsync(long offset) => Set.DeleteRecordsAsync(this, offset);

    /// <summary>Deletes what <c>retention.ms</c>, <c>retention.bytes</c> and the log start allow; the bytes freed.</summary>
    public long ApplyRetention(long nowMillis) => _retention.Apply(nowMillis);

    /// <summary>Segments were replaced, or the directory was exchanged: what had to wait for that.</summary>
    internal void AfterSwap() => _retention.DeleteBelowStart();

    /// <summary>Forgets idle producers (<c>producer.id.expiration.ms</c>).</summary>
    public int ExpireProducers(long nowMillis) =>
        Status == LogStatus.Truncating ? 0 : Producers.RemoveExpired(nowMillis, Config.ProducerIdExpirationMs);

    /// <summary>
    /// For a replica: the log ends at the offset, or before the batch that contains it. Producers, epochs, indexes and
    /// checkpoints follow. KAFKA_STORAGE_ERROR: the disk refused, and the log is offline.
    /// </summary>
    public ValueTask<ErrorCode> TruncateToAsync(long offset) => _truncation.ToAsync(offset);

    /// <summary>For a replica: the log is empty and goes on at the offset.</summary>
    public ValueTask<ErrorCode> TruncateFullyAndStartAtAsync(long offset) => _truncation.FullyAsync(offset);

    /// <summary>Writes what is queued now, and asks for everything to be synced; done when it is on the disk.</summary>
    public Task<ErrorCode> FlushAsync()
    {
        WriteQueued();
        return _flusher.FlushAsync();
    }

    // The end of a turn ----------------------------------------------------------------------------------------------

    /// <summary>The core's call: writes the queue, moves the offsets, completes fetches, then answers producers.</summary>
    [HotPath]
    public void OnTurnEnd()
    {
        _isAtTurnEnd = false;
        if (!_flusher.HoldsWrites)
        {
            WriteQueued();
        }
        Publish();
        Waiters.Deliver();
    }

    [HotPath]
    internal void MarkAtTurnEnd()
    {
        if (!_isAtTurnEnd)
        {
            _isAtTurnEnd = true;
            HoldsMemory = true;
            LastUsedMillis = Core.NowMillis;
            Core.AtTurnEnd(this);
        }
    }

    /// <summary>Writes the queued batches, if any. The offsets that readers see move later, with <see cref="Publish"/>.</summary>
    [HotPath]
    internal void WriteQueued()
    {
        if (Queue.Count > 0 && !Moves.IsHeld)
        {
            _appender.WriteQueue();
            _flusher.AfterWrite();
            _roller.PrepareNext();
        }
    }

    /// <summary>Everything that follows from a moved end, sync, start or replica: watermarks, fetches, waiters.</summary>
    [HotPath]
    internal void Publish()
    {
        long acknowledged = _flusher.Acknowledge();
        long oldWatermark = HighWatermark;
        long oldStable = LastStableOffset;
        if (FollowsOwnEnd && acknowledged > HighWatermark)
        {
            HighWatermark = acknowledged;
        }
        UpdateStable();
        if (
            oldWatermark != HighWatermark
            || oldStable != LastStableOffset
            || _notifiedEnd != LogEndOffset
            || _notifiedStart != LogStartOffset
        )
        {
            _notifiedEnd = LogEndOffset;
            _notifiedStart = LogStartOffset;
            Core.Purgatory.CheckAndComplete(WatchKey);
        }
        Waiters.Complete(acknowledged, HighWatermark);
    }

    // Life -----------------------------------------------------------------------------------------------------------

    /// <summary>
    /// Ends the log's work on this core. Clean: everything is written as Kafka wants to find it (indexes cut to their
    /// entries, producer snapshot, epochs) and synced. Waiters that are left get an error.
    /// </summary>
    public ValueTask CloseAsync(bool clean) => _life.CloseAsync(clean);

    internal ValueTask AbandonAsync() => _life.AbandonAsync();

    internal void TakeOffline() => _life.TakeOffline();

    /// <summary>The log is about to end at the offset.</summary>
    internal void LowerWatermarks(long offset) =>
        HighWatermark = LastStableOffset = Math.Max(LogStartOffset, Math.Min(HighWatermark, offset));

    /// <summary>What was loaded again after a cut.</summary>
    internal void Adopt(LoadedLog loaded)
    {
        Segments.TakeOver(loaded.Segments);
        Producers = loaded.Producers;
        LogStartOffset = loaded.LogStartOffset;
        LogEndOffset = NextOffset = loaded.LogEndOffset;
        HighWatermark = loaded.HighWatermark;
        SnapshotOffset = loaded.SnapshotOffset;
        Tail.Clear();
        UpdateStable();
    }

    /// <summary>Its files are copied, synced and in another directory under the same names; nothing else is under way.</summary>
    internal void Relocate(LogDirectory target, string directory)
    {
        _roller.DropPrepared();
        for (int i = 0; i < Segments.Count; i++)
        {
            Segments.MoveTo(i, directory, LogEndOffset);
        }
        Set.Directories.Relocate(Name, target);
        LogDirectory = target;
        Directory = directory;
        EpochFile = new EpochFile(Core.Disk, directory);
        Epochs.IsDirty = true;
        SnapshotOffset = LogEndOffset;
        _flusher.OnSegmentSynced();
    }

    internal void ReleaseMemory() => _life.ReleaseMemory();

    internal bool HasNamesLeft => _retention.HasNamesLeft;

    internal Task NamesTaken => _retention.NamesTaken;

    internal void SyncBeyond(int bytes) => _flusher.SyncBeyond(bytes);

    internal void OnSegmentSynced()
    {
        _flusher.OnSegmentSynced();
        MarkAtTurnEnd();
    }

    private Waiter Wait(long lastOffset, IAppendTarget target, long token) =>
        new()
        {
            LastOffset = lastOffset,
            Target = target,
            Token = token,
            Error =
                !IsReadable ? ErrorCode.NotLeaderOrFollower
                : lastOffset >= NextOffset ? ErrorCode.KafkaStorageError
                : ErrorCode.None,
        };

    [HotPath]
    private void UpdateStable() =>
        LastStableOffset = Math.Max(
            LogStartOffset,
            Math.Min(HighWatermark, Producers.FirstUnstableOffset(HighWatermark))
        );
}
