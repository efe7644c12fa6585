using System.Net.Sockets;
using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Xunit.Abstractions;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// Clients that send many requests in one write and are gone before they are answered: requests of every kind in flight,
/// long polls among them, on partitions of both cores.
/// </summary>
[Trait("Io", "once")]
public sealed class VanishingClientTests(ITestOutputHelper output)
{
    private const int Clients = 150;
    private const int RequestsMax = 30;

    /// <summary>
    /// Bounds the test: while a poll waits and a request behind it is held, nothing is read, so that the end of such a
    /// client is seen when the poll ends. Apache Kafka's muted sockets do the same.
    /// </summary>
    private const int LongPollMs = 2000;
    private const long GrowthMax = 24L * 1024 * 1024;

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Requests_of_clients_that_are_gone_leave_nothing_behind(string io)
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        Random random = new(seed);
        using BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { Io = io, Cores = 2 });
        using Bystander bystander = new(broker);
        using (KafkaConnection connection = new(broker))
        {
            connection.CreateTopic("vanish", 4);
            connection.CreateTopic("silent", 4);
        }
        int files = broker.OpenFiles();
        ComeAndGo(broker, random);
        bystander.MustGoOn();
        long before = broker.StatusBytes("RssAnon");
        for (int round = 0; round < 3; round++)
        {
            ComeAndGo(broker, random);
            bystander.MustGoOn();
        }
        Until.Holds(() => broker.OpenFiles() <= files + 4, $"the descriptors are given back\n{broker.Describe()}");
        long grown = broker.StatusBytes("RssAnon") - before;
        output.WriteLine($"the process's own memory grew by {grown / 1024} KiB");
        Assert.True(grown < GrowthMax, $"the process's own memory grew by {grown} bytes");
        BrokerLog.HasNoStackTrace(broker);
        using (KafkaConnection reader = new(broker))
        {
            for (int partition = 0; partition < 4; partition++)
            {
                reader.ReadAll("vanish", partition, 0, (_, _) => { });
            }
        }
        bystander.Dispose();
        broker.Stop();
    }

    private static void ComeAndGo(BrokerProcess broker, Random random)
    {
        List<WireClient> clients = [];
        for (int i = 0; i < Clients; i++)
        {
            WireClient client = broker.Connect();
            clients.Add(client);
            client.SendRaw(Requests(random));
            if (random.Next(3) == 0)
            {
                client.ReceiveFrame();
            }
            if (random.Next(2) == 0)
            {
                // Gone with a reset, in the middle of being answered.
                client.Socket.LingerState = new LingerOption(true, 0);
                client.Dispose();
            }
        }
        clients.ForEach(client => client.Dispose());
    }

    private static byte[] Requests(Random random)
    {
        // The first is answered whatever follows.
        List<byte> bytes = [.. BadFrameTests.Framed(Metadata(0))];
        int count = random.Next(2, RequestsMax);
        for (int i = 1; i < count; i++)
        {
            bytes.AddRange(BadFrameTests.Framed(Request(random, i)));
        }
        if (random.Next(3) == 0)
        {
            // The last one is never whole.
            bytes.RemoveRange(bytes.Count - 10, 10);
        }
        return [.. bytes];
    }

    private static byte[] Request(Random random, int correlation)
    {
        int partition = random.Next(4);
        byte[] batch = Batches.Numbered(1, 0, random.Next(1, 10), random.Next(20) == 0 ? 50_000 : random.Next(300));
        return random.Next(8) switch
        {
            0 => Metadata(correlation),
            1 => KafkaConnection.Frame(
                ApiKey.Fetch,
                12,
                correlation,
                KafkaConnection.FetchRequest("vanish", partition, 0, 1 << 20, waitMs: 0)
            ),
            2 => KafkaConnection.Frame(
                ApiKey.Fetch,
                12,
                correlation,
                KafkaConnection.FetchRequest("silent", partition, 0, 1 << 20, waitMs: LongPollMs)
            ),
            _ => KafkaConnection.Frame(
                ApiKey.Produce,
                KafkaConnection.ProduceVersion,
                correlation,
                KafkaConnection.ProduceRequest("vanish", partition, batch, acks: (short)random.Next(-1, 2))
            ),
        };
    }

    private static byte[] Metadata(int correlation) =>
        KafkaConnection.Frame(
            ApiKey.Metadata,
            12,
            correlation,
            new MetadataRequest { Topics = null, AllowAutoTopicCreation = false }
        );
}
