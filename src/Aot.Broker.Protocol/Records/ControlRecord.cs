using System.Buffers.Binary;

namespace Aot.Broker.Protocol.Records;

/// <summary>The second number of a control record's key.</summary>
public enum ControlRecordType : short
{
    /// <summary>A type that this broker does not know. Such records are passed over.</summary>
    Unknown = -1,
    Abort = 0,
    Commit = 1,
    LeaderChange = 2,
    SnapshotHeader = 3,
    SnapshotFooter = 4,
    KRaftVersion = 5,
    KRaftVoters = 6,
}

/// <summary>
/// Keys and the fixed values of control records. Key: version 2 (0) | type 2. Values of type LeaderChange and
/// KRaftVoters are messages with schemas and are not read here.
/// </summary>
public static class ControlRecord
{
    public const int KeyBytes = 4;
    public const int EndTransactionValueBytes = 6;
    public const int SnapshotHeaderValueBytes = 11;
    public const int SnapshotFooterValueBytes = 3;
    public const int KRaftVersionValueBytes = 5;

    /// <summary>The type in a key; false where the key is none of a control record.</summary>
    public static bool TryReadType(NullableBytes key, out ControlRecordType type)
    {
        type = ControlRecordType.Unknown;
        if (key.Length < KeyBytes || BinaryPrimitives.ReadInt16BigEndian(key.Span) < 0)
        {
            return false;
        }
        short value = BinaryPrimitives.ReadInt16BigEndian(key.Span[2..]);
        if (value is >= 0 and <= (short)ControlRecordType.KRaftVoters)
        {
            type = (ControlRecordType)value;
        }
        return true;
    }

    public static void WriteKey(Span<byte> target, ControlRecordType type)
    {
        BinaryPrimitives.WriteInt16BigEndian(target, 0);
        BinaryPrimitives.WriteInt16BigEndian(target[2..], (short)type);
    }

    /// <summary>Value of Commit and Abort: version 2 (0) | coordinatorEpoch 4.</summary>
    public static bool TryReadEndTransaction(NullableBytes value, out int coordinatorEpoch)
    {
        coordinatorEpoch = 0;
        if (value.Length < EndTransactionValueBytes || BinaryPrimitives.ReadInt16BigEndian(value.Span) < 0)
        {
            return false;
        }
        coordinatorEpoch = BinaryPrimitives.ReadInt32BigEndian(value.Span[2..]);
        return true;
    }

    public static void WriteEndTransaction(Span<byte> target, int coordinatorEpoch)
    {
        BinaryPrimitives.WriteInt16BigEndian(target, 0);
        BinaryPrimitives.WriteInt32BigEndian(target[2..], coordinatorEpoch);
    }

    /// <summary>Value of SnapshotHeader: version 2 (0) | lastContainedLogTimestamp 8 | no tagged fields 1.</summary>
    public static bool TryReadSnapshotHeader(NullableBytes value, out long lastContainedLogTimestamp)
    {
        lastContainedLogTimestamp = 0;
        if (value.Length < SnapshotHeaderValueBytes)
        {
            return false;
        }
        lastContainedLogTimestamp = BinaryPrimitives.ReadInt64BigEndian(value.Span[2..]);
        return true;
    }

    public static void WriteSnapshotHeader(Span<byte> target, long lastContainedLogTimestamp)
    {
        target[..SnapshotHeaderValueBytes].Clear();
        BinaryPrimitives.WriteInt64BigEndian(target[2..], lastContainedLogTimestamp);
    }

    /// <summary>Value of SnapshotFooter: version 2 (0) | no tagged fields 1.</summary>
    public static void WriteSnapshotFooter(Span<byte> target) => target[..SnapshotFooterValueBytes].Clear();

    /// <summary>Value of KRaftVersion: version 2 (0) | kraft.version 2 | no tagged fields 1.</summary>
    public static bool TryReadKRaftVersion(NullableBytes value, out short kraftVersion)
    {
        kraftVersion = 0;
        if (value.Length < KRaftVersionValueBytes)
        {
            return false;
        }
        kraftVersion = BinaryPrimitives.ReadInt16BigEndian(value.Span[2..]);
        return true;
    }

    public static void WriteKRaftVersion(Span<byte> target, short kraftVersion)
    {
        target[..KRaftVersionValueBytes].Clear();
        BinaryPrimitives.WriteInt16BigEndian(target[2..], kraftVersion);
    }
}
