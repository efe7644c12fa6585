using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage;

/// <summary>Who appends: what is checked depends on it.</summary>
public enum AppendOrigin
{
    /// <summary>A producer's request: every check.</summary>
    Client,

    /// <summary>A group or transaction coordinator of this broker: control batches allowed, no sequence numbers.</summary>
    Coordinator,

    /// <summary>The controller's metadata log: our own bytes, only stamped with offsets and the epoch.</summary>
    RaftLeader,

    /// <summary>Copied from the partition's leader: offsets and epochs are final.</summary>
    Replication,
}

/// <summary>Up to where a reader may see.</summary>
public enum ReadIsolation
{
    /// <summary>Consumers: below the high watermark.</summary>
    HighWatermark,

    /// <summary>read_committed consumers: below the last stable offset.</summary>
    LastStableOffset,

    /// <summary>Replicas and replay: all that is written.</summary>
    LogEnd,
}

/// <summary>
/// Where the bytes of a batch are, outside the managed heap, and who keeps them until they are written.
/// </summary>
/// <remarks>
/// Three ways: <see cref="Owner"/> is a buffer of the log's own core, and the log retains it; or the caller promises
/// that the bytes stay until the log reports the write (<see cref="IsHeldByCaller"/>: a buffer of another core's pool,
/// released when the answer comes back); or neither, and the log copies the bytes at once.
/// </remarks>
public readonly struct BatchSource
{
    public BatchSource(nint address, int length, BufferHandle owner)
    {
        Address = address;
        Length = length;
        Owner = owner;
    }

    private BatchSource(nint address, int length, bool heldByCaller)
    {
        Address = address;
        Length = length;
        IsHeldByCaller = heldByCaller;
    }

    public nint Address { get; }

    public int Length { get; }

    public BufferHandle Owner { get; }

    public bool IsHeldByCaller { get; }

    /// <summary>The caller keeps the bytes in place until <see cref="PartitionLog.WhenWritten"/> has called back.</summary>
    public static BatchSource HeldByCaller(nint address, int length) => new(address, length, heldByCaller: true);

    /// <summary>The first bytes of it.</summary>
    internal BatchSource Cut(int length) =>
        IsHeldByCaller ? HeldByCaller(Address, length) : new(Address, length, Owner);

    /// <summary>The log copies the bytes before Append returns.</summary>
    public static BatchSource Copied(nint address, int length) => new(address, length, heldByCaller: false);
}

/// <summary>The answer of an append: where the records will be, or why not.</summary>
public readonly struct AppendResult
{
    public ErrorCode Error { get; init; }

    /// <summary>-1 with an error.</summary>
    public long BaseOffset { get; init; }

    public long LastOffset { get; init; }

    /// <summary>-1 for topics with create time.</summary>
    public long AppendTimeMillis { get; init; }

    public long LogStartOffset { get; init; }

    /// <summary>The batch was there already (an idempotent producer's repetition); the offsets are those of the first time.</summary>
    public bool IsDuplicate { get; init; }

    /// <summary>For people; only with an error.</summary>
    public string? Message { get; init; }

    /// <summary>Which records of the batch are at fault, where that is known; only with an error.</summary>
    public IReadOnlyList<BadRecord>? BadRecords { get; init; }

    /// <summary>
    /// Nothing is decided yet: the batch waits for a compute thread, or behind one that does. The outcome goes to the
    /// <see cref="IDeferredAppend"/> that came with it.
    /// </summary>
    public bool IsDeferred { get; init; }

    public bool IsOk => Error == ErrorCode.None && !IsDeferred;

    internal static AppendResult Deferred =>
        new()
        {
            IsDeferred = true,
            BaseOffset = -1,
            LastOffset = -1,
            AppendTimeMillis = -1,
            LogStartOffset = -1,
        };

    public static AppendResult Failed(
        ErrorCode error,
        string? message = null,
        IReadOnlyList<BadRecord>? badRecords = null,
        long logStartOffset = -1
    ) =>
        new()
        {
            Error = error,
            BaseOffset = -1,
            LastOffset = -1,
            AppendTimeMillis = -1,
            LogStartOffset = logStartOffset,
            Message = message,
            BadRecords = badRecords,
        };
}

/// <summary>A record that made its batch invalid: its number in the batch, and why.</summary>
public readonly record struct BadRecord(int Index, string Message);

/// <summary>Hears what became of an append. Called from the loop of the log's core, at the end of a turn.</summary>
public interface IAppendTarget
{
    void OnAppended(long token, ErrorCode error);
}

/// <summary>Hears what an append that had to wait came to. Called from the loop of the log's core, later than the append.</summary>
public interface IDeferredAppend
{
    /// <summary>As if the append had returned the result now; the log no longer needs the batch where it has an error.</summary>
    void OnDecided(PartitionLog log, long token, in AppendResult result);
}

/// <summary>A transaction of which a read_committed consumer drops the records.</summary>
public readonly record struct AbortedTransaction(long ProducerId, long FirstOffset);

/// <summary>Who wrote a transactional batch, and its first sequence.</summary>
public readonly record struct TransactionalBatch(long ProducerId, short ProducerEpoch, int Sequence);

/// <summary>An answer to a lookup by time; offset -1 when there is no such record.</summary>
public readonly record struct TimestampOffset(ErrorCode Error, long Offset, long Timestamp, int LeaderEpoch)
{
    public static TimestampOffset NotFound => new(ErrorCode.None, -1, -1, -1);
}

/// <summary>One producer of a partition, as DescribeProducers shows it.</summary>
public readonly record struct ProducerDescription(
    long ProducerId,
    short ProducerEpoch,
    int LastSequence,
    long LastTimestamp,
    int CoordinatorEpoch,
    long CurrentTransactionStartOffset
);

/// <summary>
/// A run of bytes of one segment file: what a fetch sends. The lease keeps the descriptor open, also past the deletion
/// of the segment, until it is released on the log's own core.
/// </summary>
public struct LogSlice
{
    public Fd File;
    public long Position;

    /// <summary>0 = nothing to send, and then there is no lease.</summary>
    public int Length;
    public SegmentLease Lease;
    public long HighWatermark;
    public long LastStableOffset;
    public long LogStartOffset;

    /// <summary>Base offset of the first batch; -1 when empty.</summary>
    public long FirstOffset;

    /// <summary>No record of the slice has this offset or a later one, as far as that is known without reading the slice.</summary>
    public long UpperBoundOffset;

    /// <summary>Not all of it is in the page cache: read it ahead before sending.</summary>
    public bool IsCold;

    /// <summary>
    /// Nothing was read yet: where the offset is stands in bytes that are not in the page cache. The file, position and
    /// length are those of these bytes, with a lease; read them ahead, and ask again.
    /// </summary>
    public bool IsLookupCold;

    /// <summary>The first batch is longer than the limit that was asked for, and is here whole.</summary>
    public bool IsOversized;

    public readonly bool IsEmpty => Length == 0;
}

/// <summary>Keeps a segment's descriptors open. A value that is released once, on the core that owns the log.</summary>
public struct SegmentLease
{
    private Segments.SegmentHandle? _handle;

    internal SegmentLease(Segments.SegmentHandle handle) => _handle = handle;

    public readonly bool IsHeld => _handle is not null;

    public void Release()
    {
        Segments.SegmentHandle? handle = _handle;
        _handle = null;
        handle?.Return();
    }
}
