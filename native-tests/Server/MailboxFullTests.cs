using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Tests;

/// <summary>A core that does not get to its mail: connections wait with their work, nothing is lost, order stays.</summary>
public sealed class MailboxFullTests
{
    private const int Connections = 48;
    private const int RequestsPerConnection = 100;

    [Theory]
    [MemberData(nameof(ConnectionTests.Backends), MemberType = typeof(ConnectionTests))]
    public async Task Connections_wait_while_a_mailbox_is_full_and_go_on_in_order(IoMode io)
    {
        await using BrokerRig rig = await BrokerRig.StartAsync(io);
        KafkaUuid id = await rig.CreateTopicAsync("full", 2);
        int partition = PartitionPlacement.CoreOf(id, 0, 2).Value == 1 ? 0 : 1;
        List<WireClient> clients = [];
        for (int i = 0; i < Connections; i++)
        {
            clients.Add(await rig.ConnectAsync());
            // Answered once, so that it is attached to its core before core 1 stands still.
            await ConnectionTests.AskVersionsAsync(clients[i], 3);
        }

        using ManualResetEventSlim goOn = new();
        using ManualResetEventSlim stands = new();
        Task standing = rig.OnCoreAsync(
            1,
            _ =>
            {
                stands.Set();
                goOn.Wait(TimeSpan.FromSeconds(30));
                return 0;
            }
        );
        stands.Wait(TimeSpan.FromSeconds(30));
        List<byte> stream = [];
        for (int i = 0; i < RequestsPerConnection; i++)
        {
            stream.AddRange(
                WireClient.Frame(
                    ApiKey.Produce,
                    9,
                    i,
                    new ProduceRequest
                    {
                        Acks = 1,
                        TransactionalId = null,
                        TopicData =
                        [
                            new ProduceRequest.TopicProduceData
                            {
                                Name = "full",
                                PartitionData =
                                [
                                    new ProduceRequest.PartitionProduceData
                                    {
                                        Index = partition,
                                        Records = Batches.Of("x"),
                                    },
                                ],
                            },
                        ],
                    }
                )
            );
        }
        byte[] bytes = stream.ToArray();
        foreach (WireClient client in clients)
        {
            await client.SendAsync(bytes);
        }
        // Core 0 has been through its share of it: more requests than a mailbox has slots.
        int turns = 0;
        while (!await rig.OnCoreAsync(0, IsStuck))
        {
            Assert.True(++turns < 100_000);
        }
        goOn.Set();
        await standing;

        HashSet<long> offsets = [];
        foreach (WireClient client in clients)
        {
            long last = -1;
            for (int i = 0; i < RequestsPerConnection; i++)
            {
                byte[]? answer = await client.ReceiveAsync();
                Assert.Equal(i, BinaryPrimitives.ReadInt32BigEndian(answer));
                ProduceResponse response = WireClient.Parse<ProduceResponse>(
                    answer!,
                    ApiKey.Produce,
                    9,
                    i,
                    ProduceResponse.TryRead
                );
                ProduceResponse.PartitionProduceResponse one = response.Responses[0].PartitionResponses[0];
                Assert.Equal(0, one.ErrorCode);
                Assert.True(one.BaseOffset > last);
                last = one.BaseOffset;
                Assert.True(offsets.Add(last));
            }
            client.Dispose();
        }
        Assert.Equal(Connections * RequestsPerConnection, offsets.Count);
    }

    private static bool IsStuck(Core core) => !core.TryPost(new CoreIndex(1), new Mail { Target = Nobody.Instance });

    private sealed class Nobody : IMailTarget
    {
        public static Nobody Instance { get; } = new();

        public void Receive(Core core, in Mail mail) { }
    }
}
