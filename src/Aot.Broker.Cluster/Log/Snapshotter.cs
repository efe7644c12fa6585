using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Cluster;

/// <summary>When the metadata log is condensed, and how much of the past stays.</summary>
internal sealed record SnapshotPolicy
{
    /// <summary><c>metadata.log.max.record.bytes.between.snapshots</c>.</summary>
    public long BytesBetween { get; init; } = 20 * 1024 * 1024;

    /// <summary><c>metadata.log.max.snapshot.interval.ms</c>; 0 is never.</summary>
    public long IntervalMs { get; init; } = 3_600_000;

    /// <summary><c>metadata.max.retention.bytes</c>, log and snapshots together; -1 is no limit.</summary>
    public long RetentionBytes { get; init; } = 100 * 1024 * 1024;

    /// <summary><c>metadata.max.retention.ms</c>; -1 is no limit.</summary>
    public long RetentionMs { get; init; } = 7 * 24 * 3_600_000L;
}

/// <summary>
/// Writes snapshots of the published image when enough was written since the last one or enough time has passed, and
/// then lets go of snapshots and log that no start needs any more. Owner: core 0; encoding and disk on a helper thread,
/// which is safe because an image is immutable. One snapshot is written at a time.
/// </summary>
internal sealed class Snapshotter : ITimerTarget
{
    private static readonly Logger s_log = Base.Log.For("metadata");

    private readonly Core _core;
    private readonly PartitionLog _log;
    private readonly string _directory;
    private readonly SnapshotPolicy _policy;
    private long _bytesAtLast;
    private long _endOffsetOfLast;
    private bool _isWriting;
    private bool _isDue;
    private MetadataImage _newest = MetadataImage.Empty;

    public Snapshotter(Core core, PartitionLog log, string directory, SnapshotPolicy policy, long endOffsetOfLast)
    {
        _core = core;
        _log = log;
        _directory = directory;
        _policy = policy;
        _bytesAtLast = log.SizeInBytes;
        _endOffsetOfLast = endOffsetOfLast;
        Schedule();
    }

    /// <summary>A new image is in force.</summary>
    public void OnPublished(MetadataImage image)
    {
        _newest = image;
        if (_log.SizeInBytes - _bytesAtLast >= _policy.BytesBetween || _isDue)
        {
            Start();
        }
    }

    public void OnTimer(long token)
    {
        _isDue = true;
        Start();
        Schedule();
    }

    private void Schedule()
    {
        if (_policy.IntervalMs > 0)
        {
            _core.Timers.Schedule(_core.NowMillis + _policy.IntervalMs, this, 0);
        }
    }

    private void Start()
    {
        if (!_isWriting && _newest.Offset + 1 > _endOffsetOfLast)
        {
            _isWriting = true;
            _isDue = false;
            _core.Spawn(_ => new ValueTask(WriteAsync(_newest)));
        }
    }

    internal async Task WriteAsync(MetadataImage image)
    {
        SnapshotId id = new(image.Offset + 1, image.Epoch);
        string path = Path.Combine(_directory, id.FileName);
        long nowMs = _core.WallMillis;
        Disk disk = _core.Disk;
        long bytesThen = _log.SizeInBytes;
        Errno error = await _core.RunInBackgroundAsync(() =>
            disk.WriteAllBytesAtomically(path, SnapshotFile.Write(image, nowMs))
        );
        _isWriting = false;
        if (error != Errno.None)
        {
            // The log is still whole: the state is safe, only the next start reads more.
            s_log.Error("a snapshot of the metadata could not be written", ("path", path), ("error", error));
            return;
        }
        _bytesAtLast = bytesThen;
        _endOffsetOfLast = id.EndOffset;
        long logBytes = _log.SizeInBytes;
        long start = await _core.RunInBackgroundAsync(() => Clean(disk, logBytes, nowMs));
        if (start > _log.LogStartOffset)
        {
            _log.DeleteRecordsBefore(start);
            _log.ApplyRetention(nowMs);
        }
    }

    /// <summary>Deletes snapshots that are not needed any more; the offset from which the log is still needed.</summary>
    private long Clean(Disk disk, long logBytes, long nowMs)
    {
        List<SnapshotId> ids = SnapshotFile.List(disk, _directory);
        long bytes = logBytes;
        foreach (SnapshotId id in ids)
        {
            bytes += Math.Max(0, disk.LengthOf(Path.Combine(_directory, id.FileName)));
        }
        int kept = 0;
        while (kept < ids.Count - 1)
        {
            string path = Path.Combine(_directory, ids[kept].FileName);
            bool isTooMuch = _policy.RetentionBytes >= 0 && bytes > _policy.RetentionBytes;
            bool isTooOld =
                _policy.RetentionMs >= 0
                && TimestampOf(disk, path) is { } timestampMs
                && nowMs - timestampMs > _policy.RetentionMs;
            if (!isTooMuch && !isTooOld)
            {
                break;
            }
            bytes -= Math.Max(0, disk.LengthOf(path));
            disk.Delete(path);
            kept++;
        }
        // Before the first deletion the log may still begin at its very first record.
        return kept == 0 ? 0 : ids[kept].EndOffset;
    }

    /// <summary>When the last batch in a snapshot was written: it is in the file's first record.</summary>
    private static long? TimestampOf(Disk disk, string path)
    {
        if (disk.Open(path, DiskOpen.ReadOnly, out Fd fd) != Errno.None)
        {
            return null;
        }
        byte[] head = new byte[4096];
        long length = disk.Read(fd, head, 0);
        disk.Close(fd);
        if (
            length <= 0
            || !RecordBatchView.TryRead(head.AsSpan(0, (int)length), out RecordBatchView batch)
            || !batch.IsWhole
        )
        {
            return null;
        }
        RecordEnumerator records = batch.Records();
        return records.MoveNext() && ControlRecord.TryReadSnapshotHeader(records.Current.Value, out long timestampMs)
            ? timestampMs
            : null;
    }
}
