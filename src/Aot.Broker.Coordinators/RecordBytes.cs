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

    private static byte[] Of(short prefix, IWireMessage message, short version)
    {
        byte[] bytes = new byte[sizeof(short) + message.Measure(version)];
        WireWriter writer = new(bytes);
        writer.WriteInt16(prefix);
        message.Write(ref writer, version);
        return bytes;
    }
}
