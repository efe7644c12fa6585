using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Bench.Rivals;

/// <summary>A record as an object with arrays of its own.</summary>
internal sealed record ObjectRecord(long Offset, long Timestamp, byte[]? Key, byte[]? Value);

/// <summary>Reads a batch into objects, as a client library does, with the same checksum.</summary>
internal static class ObjectRecords
{
    public static List<ObjectRecord>? Read(byte[] batch)
    {
        int length = BinaryPrimitives.ReadInt32BigEndian(batch.AsSpan(RecordBatchHeader.BatchLengthAt));
        if (length + RecordBatchHeader.LogOverhead != batch.Length)
        {
            return null;
        }
        uint crc = BinaryPrimitives.ReadUInt32BigEndian(batch.AsSpan(RecordBatchHeader.CrcAt));
        if (Crc32C.Compute(batch.AsSpan(RecordBatchHeader.AttributesAt)) != crc)
        {
            return null;
        }
        using MemoryStream stream = new(
            batch,
            RecordBatchHeader.SizeInBytes,
            batch.Length - RecordBatchHeader.SizeInBytes
        );
        using BinaryReader reader = new(stream);
        long baseTimestamp = BinaryPrimitives.ReadInt64BigEndian(batch.AsSpan(RecordBatchHeader.BaseTimestampAt));
        int count = BinaryPrimitives.ReadInt32BigEndian(batch.AsSpan(RecordBatchHeader.RecordsCountAt));
        List<ObjectRecord> records = new(count);
        for (int i = 0; i < count; i++)
        {
            ReadVarint(reader);
            reader.ReadByte();
            long timestamp = baseTimestamp + ReadVarint(reader);
            long offset = ReadVarint(reader);
            byte[]? key = ReadBytes(reader);
            byte[]? value = ReadBytes(reader);
            if (ReadVarint(reader) != 0)
            {
                return null;
            }
            records.Add(new ObjectRecord(offset, timestamp, key, value));
        }
        return records;
    }

    private static byte[]? ReadBytes(BinaryReader reader)
    {
        int length = (int)ReadVarint(reader);
        return length < 0 ? null : reader.ReadBytes(length);
    }

    private static long ReadVarint(BinaryReader reader)
    {
        ulong raw = (ulong)reader.Read7BitEncodedInt64();
        return (long)(raw >> 1) ^ -(long)(raw & 1);
    }
}
