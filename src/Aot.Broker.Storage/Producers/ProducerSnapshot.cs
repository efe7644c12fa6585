using System.Buffers.Binary;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Producers;

/// <summary>
/// <c>%020d.snapshot</c>: the producers as of an offset. Only each producer's newest batch is in it, so that after a
/// reload the window for repetitions is one batch.
/// <code>
/// 0 i16 version 1   2 u32 CRC-32C of what follows   6 i32 count   10 count x 46:
///   0 i64 producer id   8 i16 epoch   10 i32 last sequence   14 i64 last offset   22 i32 offset delta
///   26 i64 timestamp   34 i32 coordinator epoch   38 i64 first offset of the open transaction (-1)
/// </code>
/// </summary>
internal static class ProducerSnapshot
{
    private const short Version = 1;
    private const int HeadBytes = 10;
    private const int ChecksummedFrom = 6;
    private const int EntryBytes = 46;

    public static byte[] Write(ProducerState state)
    {
        int count = 0;
        foreach (ref readonly ProducerEntry entry in state.Entries)
        {
            count += entry.IsAwaited ? 0 : 1;
        }
        byte[] bytes = new byte[HeadBytes + (count * EntryBytes)];
        BinaryPrimitives.WriteInt16BigEndian(bytes, Version);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(6), count);
        int at = HeadBytes;
        foreach (ref readonly ProducerEntry entry in state.Entries)
        {
            if (entry.IsAwaited)
            {
                continue;
            }
            WriteEntry(entry, bytes.AsSpan(at, EntryBytes));
            at += EntryBytes;
        }
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(2), Checksum(bytes));
        return bytes;
    }

    /// <summary>Replaces what the state holds. False: not a snapshot (version, checksum, length); the state is then empty.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, ProducerState into)
    {
        into.Clear();
        if (bytes.Length < HeadBytes || BinaryPrimitives.ReadInt16BigEndian(bytes) != Version)
        {
            return false;
        }
        int count = BinaryPrimitives.ReadInt32BigEndian(bytes[6..]);
        if (
            count < 0
            || bytes.Length != HeadBytes + ((long)count * EntryBytes)
            || BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]) != Checksum(bytes)
        )
        {
            return false;
        }
        for (int i = 0; i < count; i++)
        {
            into.Load(ReadEntry(bytes.Slice(HeadBytes + (i * EntryBytes), EntryBytes)));
        }
        return true;
    }

    private static void WriteEntry(in ProducerEntry entry, Span<byte> into)
    {
        ProducerBatch newest = entry.IsEmpty
            ? new ProducerBatch
            {
                LastOffset = -1,
                Timestamp = entry.LastTimestamp,
                LastSequence = -1,
            }
            : entry.Newest;
        BinaryPrimitives.WriteInt64BigEndian(into, entry.ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(into[8..], entry.Epoch);
        BinaryPrimitives.WriteInt32BigEndian(into[10..], newest.LastSequence);
        BinaryPrimitives.WriteInt64BigEndian(into[14..], newest.LastOffset);
        BinaryPrimitives.WriteInt32BigEndian(into[22..], newest.OffsetDelta);
        BinaryPrimitives.WriteInt64BigEndian(into[26..], entry.LastTimestamp);
        BinaryPrimitives.WriteInt32BigEndian(into[34..], entry.CoordinatorEpoch);
        BinaryPrimitives.WriteInt64BigEndian(into[38..], entry.TransactionFirstOffset);
    }

    private static ProducerEntry ReadEntry(ReadOnlySpan<byte> bytes)
    {
        ProducerEntry entry = ProducerEntry.New(BinaryPrimitives.ReadInt64BigEndian(bytes));
        entry.Epoch = BinaryPrimitives.ReadInt16BigEndian(bytes[8..]);
        entry.LastTimestamp = BinaryPrimitives.ReadInt64BigEndian(bytes[26..]);
        entry.CoordinatorEpoch = BinaryPrimitives.ReadInt32BigEndian(bytes[34..]);
        entry.TransactionFirstOffset = BinaryPrimitives.ReadInt64BigEndian(bytes[38..]);
        long lastOffset = BinaryPrimitives.ReadInt64BigEndian(bytes[14..]);
        if (lastOffset >= 0)
        {
            entry.Add(
                new ProducerBatch
                {
                    LastOffset = lastOffset,
                    LastSequence = BinaryPrimitives.ReadInt32BigEndian(bytes[10..]),
                    OffsetDelta = BinaryPrimitives.ReadInt32BigEndian(bytes[22..]),
                    Timestamp = entry.LastTimestamp,
                }
            );
        }
        return entry;
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes) => Base.Crc32C.Compute(bytes[ChecksummedFrom..]);
}
