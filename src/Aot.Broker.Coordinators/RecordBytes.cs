using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Coordinators;

/// <summary>
/// Keys and values of coordinators' records: a key is its record type and the message in version 0, a value its version
/// and the message.
/// </summary>
internal static class RecordBytes
{
    private const short KeyVersion = 0;

    public static byte[] Key(short type, IWireMessage key) => Of(type, key, KeyVersion);

    public static byte[] Value(IWireMessage value, short version) => Of(version, value, version);

    /// <summary>Reads a record of version 0; a tombstone has no value. False: bytes that are none of it.</summary>
    public static bool TryRead<TKey, TValue>(
        ReadOnlySpan<byte> keyBytes,
        ReadOnlySpan<byte> valueBytes,
        bool isTombstone,
        out TKey key,
        out TValue? value
    )
        where TKey : class, IDescribedMessage<TKey>
        where TValue : class, IDescribedMessage<TValue>
    {
        WireReader keys = new(keyBytes);
        keys.ReadInt16();
        value = null;
        if (!TKey.TryRead(ref keys, KeyVersion, out key))
        {
            return false;
        }
        if (isTombstone)
        {
            return true;
        }
        WireReader values = new(valueBytes);
        return values.ReadInt16() == KeyVersion && TValue.TryRead(ref values, KeyVersion, out value);
    }

    private static byte[] Of(short prefix, IWireMessage message, short version)
    {
        byte[] bytes = new byte[sizeof(short) + message.Measure(version)];
        WireWriter writer = new(bytes);
        writer.WriteInt16(prefix);
        message.Write(ref writer, version);
        return bytes;
    }
}
