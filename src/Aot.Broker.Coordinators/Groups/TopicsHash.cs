using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Aot.Broker.Cluster;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// A hash over what an assignor sees of topics: their ids, names, partitions and the racks of these. It is written down with
/// the epoch of a group, so it is the hash of Apache Kafka: a group whose directory has moved does not take its topics for
/// changed ones. 0 when none of the topics exists.
/// </summary>
internal static class TopicsHash
{
    /// <summary>What stands before the fields: the version of this form.</summary>
    private const byte Form = 0;

    public static long Of(IEnumerable<string> names, MetadataImage image)
    {
        List<byte> all = [];
        List<byte> one = [];
        foreach (string name in names.Order(StringComparer.Ordinal))
        {
            if (image.Topic(name) is { } topic)
            {
                one.Clear();
                Add(one, topic, image);
                Add(all, XxHash3.Of(CollectionsMarshal.AsSpan(one)));
            }
        }
        return all.Count == 0 ? 0 : (long)XxHash3.Of(CollectionsMarshal.AsSpan(all));
    }

    private static void Add(List<byte> bytes, TopicImage topic, MetadataImage image)
    {
        bytes.Add(Form);
        Add(bytes, topic.Id.High);
        Add(bytes, topic.Id.Low);
        Add(bytes, topic.Name);
        Add(bytes, topic.Partitions.Length);
        for (int i = 0; i < topic.Partitions.Length; i++)
        {
            Add(bytes, i);
            foreach (string rack in RacksOf(topic.Partitions[i], image))
            {
                Add(bytes, rack.Length);
                Add(bytes, rack);
            }
        }
    }

    private static IEnumerable<string> RacksOf(PartitionImage partition, MetadataImage image)
    {
        List<string> racks = [];
        foreach (int broker in partition.Replicas)
        {
            if (image.Broker(broker)?.Rack is { } rack)
            {
                racks.Add(rack);
            }
        }
        racks.Sort(StringComparer.Ordinal);
        return racks;
    }

    /// <summary>UTF-16 and its length.</summary>
    private static void Add(List<byte> bytes, string text)
    {
        foreach (char unit in text)
        {
            bytes.Add((byte)unit);
            bytes.Add((byte)(unit >> 8));
        }
        Add(bytes, text.Length);
    }

    private static void Add(List<byte> bytes, int value)
    {
        Span<byte> little = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(little, value);
        bytes.AddRange(little);
    }

    private static void Add(List<byte> bytes, ulong value)
    {
        Span<byte> little = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(little, value);
        bytes.AddRange(little);
    }
}
