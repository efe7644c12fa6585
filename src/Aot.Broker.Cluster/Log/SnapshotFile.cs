using System.Globalization;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;

namespace Aot.Broker.Cluster;

/// <summary>Up to where a snapshot goes: it contains every record below <see cref="EndOffset"/>.</summary>
public readonly record struct SnapshotId(long EndOffset, int Epoch) : IComparable<SnapshotId>
{
    private const string Suffix = ".checkpoint";
    private const int OffsetDigits = 20;
    private const int EpochDigits = 10;

    public string FileName => $"{EndOffset:D20}-{Epoch:D10}{Suffix}";

    public static bool TryParse(string fileName, out SnapshotId id)
    {
        id = default;
        ReadOnlySpan<char> name = fileName;
        if (
            name.Length != OffsetDigits + 1 + EpochDigits + Suffix.Length
            || name[OffsetDigits] != '-'
            || !name.EndsWith(Suffix, StringComparison.Ordinal)
            || !long.TryParse(name[..OffsetDigits], NumberStyles.None, CultureInfo.InvariantCulture, out long end)
            || !int.TryParse(
                name.Slice(OffsetDigits + 1, EpochDigits),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out int epoch
            )
        )
        {
            return false;
        }
        id = new SnapshotId(end, epoch);
        return true;
    }

    public int CompareTo(SnapshotId other) =>
        EndOffset != other.EndOffset ? EndOffset.CompareTo(other.EndOffset) : Epoch.CompareTo(other.Epoch);
}

/// <summary>
/// The state at one offset as a file: a control batch that opens it, batches of records, a control batch that ends it.
/// The offsets inside count from 0. A file without its end was not finished and counts as absent.
/// </summary>
internal static class SnapshotFile
{
    /// <summary>Where a freshly formatted log keeps what it begins with.</summary>
    public static SnapshotId Bootstrap => new(0, 0);

    /// <summary>The same in directories that were formatted by older versions, beside the log's directory.</summary>
    public const string LegacyBootstrapName = "bootstrap.checkpoint";

    // Records per batch: about a quarter of a megabyte, far below what a reader accepts.
    private const int RecordsPerBatch = 4096;

    public static byte[] Write(
        IEnumerable<MetadataRecord> records,
        int epoch,
        long nowMs,
        long lastContainedTimestampMs,
        VoterImage[]? voters
    )
    {
        using MemoryStream file = new();
        RecordBatchOptions position = new() { PartitionLeaderEpoch = epoch };
        file.Write(
            ControlBatch.SnapshotHeader(
                position,
                nowMs,
                lastContainedTimestampMs,
                voters is null ? null : (short)1,
                voters is null ? null : MetadataBatches.VotersValue(voters)
            )
        );
        long offset = voters is null ? 1 : 3;
        foreach (MetadataRecord[] batch in records.Chunk(RecordsPerBatch))
        {
            file.Write(MetadataBatches.OfRecords(batch, offset, epoch, nowMs));
            offset += batch.Length;
        }
        file.Write(ControlBatch.SnapshotFooter(position with { BaseOffset = offset }, nowMs));
        return file.ToArray();
    }

    public static byte[] Write(MetadataImage image, long nowMs) =>
        Write(
            ImageRecords.Of(image),
            image.Epoch,
            nowMs,
            image.TimestampMs,
            image.KRaftVersion >= 1 ? image.Voters : null
        );

    /// <summary>The image of a snapshot; null when the file was not finished.</summary>
    public static MetadataImage? Read(ReadOnlySpan<byte> bytes, SnapshotId id, string path)
    {
        MetadataReplay replay = new(MetadataImage.Empty);
        return replay.TryReplaySnapshot(bytes, id, path) ? replay.Finish() : null;
    }

    /// <summary>The snapshots of a log's directory, oldest first.</summary>
    public static List<SnapshotId> List(Disk disk, string directory)
    {
        List<DiskEntry> entries = [];
        List<SnapshotId> ids = [];
        if (disk.List(directory, entries) == Errno.None)
        {
            foreach (DiskEntry entry in entries)
            {
                if (!entry.IsDirectory && SnapshotId.TryParse(entry.Name, out SnapshotId id))
                {
                    ids.Add(id);
                }
            }
        }
        ids.Sort();
        return ids;
    }
}
