using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// A topic deleted and made again at once under the same name: its partitions have other owners among the cores, which
/// must not take each other's directories for theirs.
/// </summary>
public sealed class TopicNameReuseTests
{
    private const int Partitions = 6;
    private const int Rounds = 20;

    [Fact]
    public void A_name_that_is_used_again_at_once_gets_directories_of_its_own()
    {
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions { Cores = 2, Set = ["log.segment.delete.delay.ms=1"] }
        );
        using (KafkaConnection maker = new(broker))
        using (KafkaConnection deleter = new(broker))
        {
            maker.CreateTopic("again", Partitions);
            for (int round = 0; round < Rounds; round++)
            {
                deleter.Send(
                    ApiKey.DeleteTopics,
                    5,
                    new DeleteTopicsRequest { TopicNames = ["again"], TimeoutMs = 10_000 }
                );
                // Not after the answer: as soon as the name is free.
                Until.Holds(() => TryMake(maker), "the name is free again");
                Assert.NotNull(deleter.Wire.ReceiveFrame());
                for (int partition = 0; partition < Partitions; partition++)
                {
                    byte[] batch = Batches.Numbered(round, 0, 3, 5);
                    Assert.Equal(
                        (ErrorCode.None, 0),
                        maker.Produce("again", partition, batch) is var answer
                            ? ((ErrorCode)answer.ErrorCode, answer.BaseOffset)
                            : default
                    );
                }
            }
        }
        BrokerLog.HasNoStackTrace(broker);
        broker.Kill();
        broker.Restart();
        using KafkaConnection after = new(broker);
        for (int partition = 0; partition < Partitions; partition++)
        {
            Assert.Equal(3, after.ReadAll("again", partition, 0, (_, _) => { }));
        }
        Assert.DoesNotContain(
            Directory.GetDirectories(broker.DataDirectory),
            path => path.EndsWith("-stray", StringComparison.Ordinal)
        );
    }

    private static bool TryMake(KafkaConnection connection)
    {
        CreateTopicsRequest request = new()
        {
            TimeoutMs = 10_000,
            Topics =
            [
                new CreateTopicsRequest.CreatableTopic
                {
                    Name = "again",
                    NumPartitions = Partitions,
                    ReplicationFactor = 1,
                },
            ],
        };
        ErrorCode error = (ErrorCode)
            connection
                .Call<CreateTopicsResponse>(ApiKey.CreateTopics, 7, request, CreateTopicsResponse.TryRead)
                .Topics[0]
                .ErrorCode;
        Assert.True(error is ErrorCode.None or ErrorCode.TopicAlreadyExists, $"{error}");
        return error == ErrorCode.None;
    }
}
