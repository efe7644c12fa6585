using System.Buffers.Binary;
using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Inspection;

namespace Aot.Broker.Dump;

/// <summary>The small files of a data directory, read as a whole: producer snapshots, checkpoints, properties.</summary>
internal static class StateFiles
{
    private const short SnapshotVersion = 1;
    private const int SnapshotChecksummedFrom = 6;

    /// <summary>Producers as of the offset in the file's name; that offset is -1 where it is not known.</summary>
    public static void Snapshot(DumpWriter? writer, string path, byte[] bytes, long offset, List<Finding> findings)
    {
        void Find(string what) => findings.Add(new Finding(path, -1, what));

        WireReader reader = new(bytes);
        short version = reader.ReadInt16();
        if (
            !reader.IsValid
            || version != SnapshotVersion
            || !ProducerSnapshot.TryRead(ref reader, version, out ProducerSnapshot snapshot)
        )
        {
            Find(
                version == SnapshotVersion ? "the snapshot is cut short" : $"no snapshot of version 1 (but {version})"
            );
            return;
        }
        uint crc = Crc32C.Compute(bytes.AsSpan(SnapshotChecksummedFrom));
        if (crc != BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(sizeof(short))) || reader.Remaining != 0)
        {
            Find(
                reader.Remaining != 0
                    ? $"{reader.Remaining} bytes after the last producer"
                    : $"checksum {snapshot.Crc:x8}, but the bytes have {crc:x8}"
            );
        }
        HashSet<long> ids = [];
        foreach (ProducerSnapshot.ProducerEntry entry in snapshot.ProducerEntries)
        {
            if (writer is not null)
            {
                writer.Begin("producer", "");
                entry.Describe(writer, version);
                writer.End();
            }
            string? problem =
                !ids.Add(entry.ProducerId) ? "occurs twice"
                : entry.ProducerId < 0 || entry.Epoch < 0 ? $"has epoch {entry.Epoch}"
                : entry.LastSequence < -1 || entry.OffsetDelta < 0 ? "has a negative sequence or delta"
                : offset >= 0 && entry.LastOffset >= offset ? $"wrote offset {entry.LastOffset}, after the snapshot"
                : offset >= 0 && entry.CurrentTxnFirstOffset >= offset
                    ? $"has a transaction from offset {entry.CurrentTxnFirstOffset}, after the snapshot"
                : null;
            if (problem is not null)
            {
                Find($"producer {entry.ProducerId} {problem}");
            }
        }
    }

    public static void Epochs(DumpWriter? writer, string path, byte[] bytes, List<Finding> findings)
    {
        List<EpochEntry> entries = [];
        if (!CheckpointText.TryRead(bytes, entries))
        {
            findings.Add(
                new Finding(path, -1, "no checkpoint: wrong version, wrong count, or a line that is no entry")
            );
            return;
        }
        EpochEntry last = new(-1, -1);
        foreach (EpochEntry entry in entries)
        {
            if (writer is not null)
            {
                writer.Begin("epoch", "");
                writer.Field("epoch", entry.Epoch);
                writer.Field("startOffset", entry.StartOffset);
                writer.End();
            }
            if (entry.Epoch <= last.Epoch || entry.StartOffset < last.StartOffset)
            {
                findings.Add(
                    new Finding(
                        path,
                        -1,
                        $"epoch {entry.Epoch} from offset {entry.StartOffset} after epoch {last.Epoch} from {last.StartOffset}"
                    )
                );
            }
            last = entry;
        }
    }

    public static void Offsets(DumpWriter? writer, string path, byte[] bytes, List<Finding> findings)
    {
        List<CheckpointEntry> entries = [];
        if (!CheckpointText.TryRead(bytes, entries))
        {
            findings.Add(
                new Finding(path, -1, "no checkpoint: wrong version, wrong count, or a line that is no entry")
            );
            return;
        }
        HashSet<Storage.TopicPartition> names = [];
        foreach (CheckpointEntry entry in entries)
        {
            if (writer is not null)
            {
                writer.Begin("offset", "");
                writer.Field("topic", entry.Partition.Topic);
                writer.Field("partition", entry.Partition.Partition);
                writer.Field("offset", entry.Offset);
                writer.End();
            }
            if (entry.Offset < 0 || !names.Add(entry.Partition))
            {
                findings.Add(
                    new Finding(path, -1, $"{entry.Partition} has offset {entry.Offset}, or occurs more than once")
                );
            }
        }
    }

    /// <summary>Lines of <c>name=value</c> or <c>name: value</c>.</summary>
    public static void Properties(DumpWriter? writer, string path, byte[] bytes, List<Finding> findings)
    {
        bool isPartition = Path.GetFileName(path) == LogFileNames.PartitionMetadata;
        string problem = "version 0 or the topic id is missing";
        bool isGood = isPartition
            ? PartitionMetadataText.TryRead(bytes, out _)
            : MetaProperties.TryParse(bytes, out problem) is not null;
        if (!isGood)
        {
            findings.Add(new Finding(path, -1, problem));
        }
        if (writer is null)
        {
            return;
        }
        writer.Begin("properties", "");
        foreach (string line in Encoding.UTF8.GetString(bytes).Split('\n'))
        {
            int split = line.IndexOf(isPartition ? ':' : '=', StringComparison.Ordinal);
            if (split > 0 && line[0] is not ('#' or '!'))
            {
                writer.Field(line[..split].Trim(), line[(split + 1)..].Trim());
            }
        }
        writer.End();
    }

    public static void Text(DumpWriter? writer, byte[] bytes)
    {
        if (writer is not null)
        {
            writer.Begin("content", "");
            writer.Payload("text", bytes);
            writer.End();
        }
    }
}
