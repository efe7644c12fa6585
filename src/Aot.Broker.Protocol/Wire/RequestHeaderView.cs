using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Protocol.Wire;

/// <summary>
/// The header of a request where it lies, without an allocation. The client id keeps its classic int16 length in the
/// flexible header too, because a broker must be able to read it before it knows the version.
/// </summary>
public ref struct RequestHeaderView
{
    public ApiKey Key { get; private set; }

    public short Version { get; private set; }

    public int CorrelationId { get; private set; }

    /// <summary>UTF-8, pointing into the frame.</summary>
    public ReadOnlySpan<byte> ClientId { get; private set; }

    public bool ClientIdIsNull { get; private set; }

    /// <summary>
    /// Reads a header and leaves the reader at the body. False for malformed bytes and for an API that Kafka does not
    /// have, whose header cannot be known: the connection is closed; key and version are then set for the log line
    /// as far as they could be read. Whether the version is served is the caller's question: a version that is too
    /// high still has a header that can be read.
    /// </summary>
    [HotPath]
    public static bool TryRead(ref WireReader reader, out RequestHeaderView header)
    {
        header = default;
        header.Key = (ApiKey)reader.ReadInt16();
        header.Version = reader.ReadInt16();
        if (!reader.IsValid || !ApiKeys.IsKnown(header.Key) || header.Version < 0)
        {
            reader.Fail();
            return false;
        }
        header.CorrelationId = reader.ReadInt32();
        header.ClientId = reader.ReadNullableStringBytes(compact: false, out bool isNull);
        header.ClientIdIsNull = isNull;
        reader.SkipTags(ApiKeys.RequestHeaderVersion(header.Key, header.Version) >= RequestHeader.FlexibleSince);
        return reader.IsValid;
    }
}
