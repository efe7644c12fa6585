using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Wire;

/// <summary>Arrays of primitives, one method per type so that generated writers only call. A null list is the null array.</summary>
public static class WireWriterLists
{
    public static void WriteInt8List(ref this WireWriter writer, List<sbyte>? list, bool flexible)
    {
        writer.WriteCount(list?.Count ?? -1, flexible);
        for (int i = 0; i < list?.Count; i++)
        {
            writer.WriteInt8(list[i]);
        }
    }

    public static void WriteInt16List(ref this WireWriter writer, List<short>? list, bool flexible)
    {
        writer.WriteCount(list?.Count ?? -1, flexible);
        for (int i = 0; i < list?.Count; i++)
        {
            writer.WriteInt16(list[i]);
        }
    }

    public static void WriteInt32List(ref this WireWriter writer, List<int>? list, bool flexible)
    {
        writer.WriteCount(list?.Count ?? -1, flexible);
        for (int i = 0; i < list?.Count; i++)
        {
            writer.WriteInt32(list[i]);
        }
    }

    public static void WriteInt64List(ref this WireWriter writer, List<long>? list, bool flexible)
    {
        writer.WriteCount(list?.Count ?? -1, flexible);
        for (int i = 0; i < list?.Count; i++)
        {
            writer.WriteInt64(list[i]);
        }
    }

    public static void WriteUuidList(ref this WireWriter writer, List<KafkaUuid>? list, bool flexible)
    {
        writer.WriteCount(list?.Count ?? -1, flexible);
        for (int i = 0; i < list?.Count; i++)
        {
            writer.WriteUuid(list[i]);
        }
    }

    public static void WriteStringList(ref this WireWriter writer, List<string>? list, bool flexible)
    {
        writer.WriteCount(list?.Count ?? -1, flexible);
        for (int i = 0; i < list?.Count; i++)
        {
            writer.WriteString(list[i], flexible);
        }
    }
}
