using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Wire;

/// <summary>
/// Arrays of primitives, one method per type so that generated readers only call. Null where <c>nullable</c> allows
/// it and the bytes say so; otherwise the elements are added to <c>into</c>, or to a new list where there is none.
/// </summary>
public static class WireReaderLists
{
    public static List<sbyte>? ReadInt8List(ref this WireReader reader, List<sbyte>? into, bool flexible, bool nullable)
    {
        int count = reader.ReadCount(flexible, nullable, sizeof(sbyte));
        if (count < 0)
        {
            return null;
        }
        List<sbyte> list = into ?? [];
        list.EnsureCapacity(count);
        for (; count > 0; count--)
        {
            list.Add(reader.ReadInt8());
        }
        return list;
    }

    public static List<short>? ReadInt16List(
        ref this WireReader reader,
        List<short>? into,
        bool flexible,
        bool nullable
    )
    {
        int count = reader.ReadCount(flexible, nullable, sizeof(short));
        if (count < 0)
        {
            return null;
        }
        List<short> list = into ?? [];
        list.EnsureCapacity(count);
        for (; count > 0; count--)
        {
            list.Add(reader.ReadInt16());
        }
        return list;
    }

    public static List<int>? ReadInt32List(ref this WireReader reader, List<int>? into, bool flexible, bool nullable)
    {
        int count = reader.ReadCount(flexible, nullable, sizeof(int));
        if (count < 0)
        {
            return null;
        }
        List<int> list = into ?? [];
        list.EnsureCapacity(count);
        for (; count > 0; count--)
        {
            list.Add(reader.ReadInt32());
        }
        return list;
    }

    public static List<long>? ReadInt64List(ref this WireReader reader, List<long>? into, bool flexible, bool nullable)
    {
        int count = reader.ReadCount(flexible, nullable, sizeof(long));
        if (count < 0)
        {
            return null;
        }
        List<long> list = into ?? [];
        list.EnsureCapacity(count);
        for (; count > 0; count--)
        {
            list.Add(reader.ReadInt64());
        }
        return list;
    }

    public static List<KafkaUuid>? ReadUuidList(
        ref this WireReader reader,
        List<KafkaUuid>? into,
        bool flexible,
        bool nullable
    )
    {
        int count = reader.ReadCount(flexible, nullable, KafkaUuid.SizeInBytes);
        if (count < 0)
        {
            return null;
        }
        List<KafkaUuid> list = into ?? [];
        list.EnsureCapacity(count);
        for (; count > 0; count--)
        {
            list.Add(reader.ReadUuid());
        }
        return list;
    }

    /// <summary>The strings themselves are never null.</summary>
    public static List<string>? ReadStringList(
        ref this WireReader reader,
        List<string>? into,
        bool flexible,
        bool nullable
    )
    {
        int count = reader.ReadCount(flexible, nullable, flexible ? 1 : sizeof(short));
        if (count < 0)
        {
            return null;
        }
        List<string> list = into ?? [];
        list.EnsureCapacity(count);
        for (; count > 0 && reader.IsValid; count--)
        {
            list.Add(reader.ReadString(flexible));
        }
        return list;
    }
}
