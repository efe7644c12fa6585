using System.Buffers.Binary;
using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Bench.Rivals;

/// <summary>A Metadata response of version 12 through the runtime's BinaryWriter and BinaryReader, written by hand.</summary>
internal static class StreamMetadata
{
    public static void Write(MetadataResponse response, BinaryWriter writer)
    {
        Int32(writer, response.ThrottleTimeMs);
        Count(writer, response.Brokers.Count);
        foreach (MetadataResponse.MetadataResponseBroker broker in response.Brokers)
        {
            Int32(writer, broker.NodeId);
            Text(writer, broker.Host);
            Int32(writer, broker.Port);
            Text(writer, broker.Rack);
            writer.Write((byte)0);
        }
        Text(writer, response.ClusterId);
        Int32(writer, response.ControllerId);
        Count(writer, response.Topics.Count);
        foreach (MetadataResponse.MetadataResponseTopic topic in response.Topics)
        {
            Write(topic, writer);
        }
        writer.Write((byte)0);
    }

    /// <summary>How many partitions it names.</summary>
    public static int Read(BinaryReader reader, out MetadataResponse response)
    {
        response = new MetadataResponse { ThrottleTimeMs = Int32(reader) };
        for (int left = Count(reader); left > 0; left--)
        {
            response.Brokers.Add(
                new MetadataResponse.MetadataResponseBroker
                {
                    NodeId = Int32(reader),
                    Host = Text(reader)!,
                    Port = Int32(reader),
                    Rack = Text(reader),
                }
            );
            reader.ReadByte();
        }
        response.ClusterId = Text(reader);
        response.ControllerId = Int32(reader);
        int partitions = 0;
        for (int left = Count(reader); left > 0; left--)
        {
            MetadataResponse.MetadataResponseTopic topic = ReadTopic(reader);
            partitions += topic.Partitions.Count;
            response.Topics.Add(topic);
        }
        reader.ReadByte();
        return partitions;
    }

    private static void Write(MetadataResponse.MetadataResponseTopic topic, BinaryWriter writer)
    {
        Int16(writer, topic.ErrorCode);
        Text(writer, topic.Name);
        Span<byte> id = stackalloc byte[KafkaUuid.SizeInBytes];
        topic.TopicId.Write(id);
        writer.Write(id);
        writer.Write(topic.IsInternal);
        Count(writer, topic.Partitions.Count);
        foreach (MetadataResponse.MetadataResponsePartition partition in topic.Partitions)
        {
            Int16(writer, partition.ErrorCode);
            Int32(writer, partition.PartitionIndex);
            Int32(writer, partition.LeaderId);
            Int32(writer, partition.LeaderEpoch);
            Nodes(writer, partition.ReplicaNodes);
            Nodes(writer, partition.IsrNodes);
            Nodes(writer, partition.OfflineReplicas);
            writer.Write((byte)0);
        }
        Int32(writer, topic.TopicAuthorizedOperations);
        writer.Write((byte)0);
    }

    private static MetadataResponse.MetadataResponseTopic ReadTopic(BinaryReader reader)
    {
        MetadataResponse.MetadataResponseTopic topic = new() { ErrorCode = Int16(reader), Name = Text(reader) };
        Span<byte> id = stackalloc byte[KafkaUuid.SizeInBytes];
        reader.BaseStream.ReadExactly(id);
        topic.TopicId = KafkaUuid.Read(id);
        topic.IsInternal = reader.ReadBoolean();
        for (int left = Count(reader); left > 0; left--)
        {
            topic.Partitions.Add(
                new MetadataResponse.MetadataResponsePartition
                {
                    ErrorCode = Int16(reader),
                    PartitionIndex = Int32(reader),
                    LeaderId = Int32(reader),
                    LeaderEpoch = Int32(reader),
                    ReplicaNodes = Nodes(reader),
                    IsrNodes = Nodes(reader),
                    OfflineReplicas = Nodes(reader),
                }
            );
            reader.ReadByte();
        }
        topic.TopicAuthorizedOperations = Int32(reader);
        reader.ReadByte();
        return topic;
    }

    private static void Int16(BinaryWriter writer, short value) =>
        writer.Write(BinaryPrimitives.ReverseEndianness(value));

    private static void Int32(BinaryWriter writer, int value) =>
        writer.Write(BinaryPrimitives.ReverseEndianness(value));

    private static void Count(BinaryWriter writer, int count) => writer.Write7BitEncodedInt(count + 1);

    private static void Text(BinaryWriter writer, string? text)
    {
        if (text is null)
        {
            writer.Write((byte)0);
            return;
        }
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        writer.Write7BitEncodedInt(utf8.Length + 1);
        writer.Write(utf8);
    }

    private static void Nodes(BinaryWriter writer, List<int> nodes)
    {
        Count(writer, nodes.Count);
        foreach (int node in nodes)
        {
            Int32(writer, node);
        }
    }

    private static short Int16(BinaryReader reader) => BinaryPrimitives.ReverseEndianness(reader.ReadInt16());

    private static int Int32(BinaryReader reader) => BinaryPrimitives.ReverseEndianness(reader.ReadInt32());

    private static int Count(BinaryReader reader) => reader.Read7BitEncodedInt() - 1;

    private static string? Text(BinaryReader reader)
    {
        int length = reader.Read7BitEncodedInt() - 1;
        return length < 0 ? null : Encoding.UTF8.GetString(reader.ReadBytes(length));
    }

    private static List<int> Nodes(BinaryReader reader)
    {
        int count = Count(reader);
        List<int> nodes = new(count);
        for (int i = 0; i < count; i++)
        {
            nodes.Add(Int32(reader));
        }
        return nodes;
    }
}
