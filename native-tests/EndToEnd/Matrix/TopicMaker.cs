using System.Buffers.Binary;
using System.Text;
using Aot.Broker.Harness;

namespace Aot.Broker.EndToEnd.Tests.Matrix;

/// <summary>Makes topics for clients that cannot: CreateTopics of version 2, by hand.</summary>
internal static class TopicMaker
{
    private const short CreateTopics = 19;
    private const short Version = 2;
    private const int TimeoutMs = 30_000;

    public static void Create(
        string bootstrap,
        string topic,
        int partitions,
        IReadOnlyList<(string Name, string Value)> settings
    )
    {
        using MemoryStream body = new();
        WriteInt32(body, 1);
        WriteText(body, topic);
        WriteInt32(body, partitions);
        WriteInt16(body, 1);
        WriteInt32(body, 0);
        WriteInt32(body, settings.Count);
        foreach ((string name, string value) in settings)
        {
            WriteText(body, name);
            WriteText(body, value);
        }
        WriteInt32(body, TimeoutMs);
        body.WriteByte(0);
        string[] address = bootstrap.Split(':');
        using WireClient client = new(address[0], int.Parse(address[1]));
        byte[] answer = client.Exchange(WireClient.Request(CreateTopics, Version, 1, body.ToArray()));
        int errorAt = 4 + 4 + 4 + 2 + Encoding.UTF8.GetByteCount(topic);
        short error = BinaryPrimitives.ReadInt16BigEndian(answer.AsSpan(errorAt));
        if (error != 0)
        {
            throw new HarnessException($"{topic} was not made: error {error}");
        }
    }

    private static void WriteInt16(MemoryStream target, short value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteInt16BigEndian(bytes, value);
        target.Write(bytes);
    }

    private static void WriteInt32(MemoryStream target, int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        target.Write(bytes);
    }

    private static void WriteText(MemoryStream target, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        WriteInt16(target, (short)bytes.Length);
        target.Write(bytes);
    }
}
