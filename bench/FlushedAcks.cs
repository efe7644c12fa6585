using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Aot.Broker.Base;
using Aot.Broker.Bench.Rig;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Bench;

/// <summary>
/// Acknowledged batches per second of a topic with <c>flush.messages=1</c>, from so many producers that each wait for the
/// answer before the next; against any broker that listens on a port of 127.0.0.1.
/// </summary>
internal static class FlushedAcks
{
    private const string Topic = "flushed";
    private const int BatchBytes = 1024;
    private const short ProduceVersion = 9;
    private const string Usage = "flushed-acks PORT SECONDS PRODUCERS...";

    public static int Run(ReadOnlySpan<string> arguments)
    {
        if (arguments.Length < 3)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        int[] numbers = [.. arguments.ToArray().Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
        CreateTopic(numbers[0]);
        foreach (int producers in numbers.AsSpan(2))
        {
            Measure(numbers[0], numbers[1], producers);
        }
        return 0;
    }

    private static void Measure(int port, int seconds, int producers)
    {
        List<double>[] times = new List<double>[producers];
        Thread[] threads = new Thread[producers];
        long end = Stopwatch.GetTimestamp() + (seconds * Stopwatch.Frequency);
        for (int i = 0; i < producers; i++)
        {
            List<double> own = times[i] = [];
            threads[i] = new Thread(() => Produce(port, end, own));
            threads[i].Start();
        }
        foreach (Thread thread in threads)
        {
            thread.Join();
        }
        double[] sorted = [.. times.SelectMany(own => own).Order()];
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{producers, 3} producers: {sorted.Length / (double)seconds:F0} batches/s, p50 {sorted[sorted.Length / 2]:F2} p99 {sorted[sorted.Length * 99 / 100]:F2} ms"
            )
        );
    }

    private static void Produce(int port, long end, List<double> times)
    {
        using Socket socket = Connect(port);
        ProduceRequest request = new()
        {
            Acks = -1,
            TimeoutMs = 30_000,
            TopicData =
            [
                new ProduceRequest.TopicProduceData
                {
                    Name = Topic,
                    PartitionData =
                    [
                        new ProduceRequest.PartitionProduceData { Records = SampleBatches.OfSize(BatchBytes) },
                    ],
                },
            ],
        };
        byte[] frame = Frame(ApiKey.Produce, ProduceVersion, request);
        while (Stopwatch.GetTimestamp() < end)
        {
            long start = Stopwatch.GetTimestamp();
            byte[] answer = Exchange(socket, frame);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            WireReader reader = new(answer);
            reader.ReadInt32();
            reader.ReadUVarint();
            bool isRead = ProduceResponse.TryRead(ref reader, ProduceVersion, out ProduceResponse response);
            Invariant.That(isRead && response.Responses[0].PartitionResponses[0].ErrorCode == 0);
        }
    }

    private static void CreateTopic(int port)
    {
        using Socket socket = Connect(port);
        CreateTopicsRequest request = new()
        {
            TimeoutMs = 30_000,
            Topics =
            [
                new CreateTopicsRequest.CreatableTopic
                {
                    Name = Topic,
                    NumPartitions = 1,
                    ReplicationFactor = 1,
                    Configs = [new CreateTopicsRequest.CreatableTopicConfig { Name = "flush.messages", Value = "1" }],
                },
            ],
        };
        Exchange(socket, Frame(ApiKey.CreateTopics, 7, request));
    }

    private static Socket Connect(int port)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        return socket;
    }

    private static byte[] Frame(ApiKey key, short version, IWireRequest request)
    {
        byte[] frame = new byte[sizeof(int) + 11 + request.Measure(version)];
        WireWriter writer = new(frame);
        writer.WriteInt32(frame.Length - sizeof(int));
        writer.WriteInt16((short)key);
        writer.WriteInt16(version);
        writer.WriteInt32(1);
        // No client id, no tags.
        writer.WriteInt16(-1);
        writer.WriteUVarint(0);
        request.Write(ref writer, version);
        return frame;
    }

    private static byte[] Exchange(Socket socket, byte[] frame)
    {
        socket.Send(frame);
        byte[] length = new byte[sizeof(int)];
        Fill(socket, length);
        byte[] answer = new byte[System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(length)];
        Fill(socket, answer);
        return answer;
    }

    private static void Fill(Socket socket, Span<byte> target)
    {
        while (target.Length > 0)
        {
            int received = socket.Receive(target);
            Invariant.That(received > 0);
            target = target[received..];
        }
    }
}
