using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Server.Connections;

/// <summary>
/// The fixed part of every request: key, version, correlation id, client id (int16 length in all versions, KIP-482 keeps
/// it) and, for flexible versions, tagged fields that are passed over.
/// </summary>
internal struct RequestHeader
{
    public const int BytesMin = 8;

    public short Key;
    public short Version;
    public int CorrelationId;
    public int ClientIdOffset;
    public int ClientIdLength;
    public int BodyOffset;

    /// <summary>Key, version and correlation id, which every header begins with.</summary>
    [HotPath]
    public static bool TryReadStart(ReadOnlySpan<byte> frame, out RequestHeader header)
    {
        header = default;
        if (frame.Length < BytesMin)
        {
            return false;
        }
        header.Key = BinaryPrimitives.ReadInt16BigEndian(frame);
        header.Version = BinaryPrimitives.ReadInt16BigEndian(frame[2..]);
        header.CorrelationId = BinaryPrimitives.ReadInt32BigEndian(frame[4..]);
        return true;
    }

    /// <summary>The rest, whose form depends on the version.</summary>
    [HotPath]
    public bool TryReadRest(ReadOnlySpan<byte> frame, bool flexible)
    {
        WireReader reader = new(frame);
        reader.Skip(BytesMin);
        int length = reader.ReadInt16();
        if (!reader.IsValid || length < -1)
        {
            return false;
        }
        ClientIdLength = length;
        ClientIdOffset = reader.Position;
        reader.Skip(Math.Max(length, 0));
        if (flexible)
        {
            reader.SkipTags();
        }
        BodyOffset = reader.Position;
        return reader.IsValid;
    }
}
