using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Faults.Tests;

/// <summary>A consumer without a group protocol that commits growing offsets, over many lives of a broker.</summary>
internal sealed class OffsetCommitter(string group, string topic, int partitions)
{
    private const short CommitVersion = 8;
    private const short FetchVersion = 8;

    private readonly long[] _sent = new long[partitions];
    private readonly long[] _acknowledged = new long[partitions];
    private int _turn;

    public long Acknowledged => _acknowledged.Sum();

    /// <summary>Commits, for each partition in turn, until the broker is gone.</summary>
    public void Run(BrokerProcess broker) =>
        UntilGone.Run(
            broker,
            connection =>
            {
                int partition = _turn++ % partitions;
                long offset = ++_sent[partition];
                ErrorCode error = Commit(connection, partition, offset);
                if (error == ErrorCode.None)
                {
                    _acknowledged[partition] = offset;
                    return;
                }
                Assert.True(IsRetriable(error), $"{error} for a commit");
            }
        );

    /// <summary>What was acknowledged is there, or a newer offset that was sent.</summary>
    public void Check(BrokerProcess broker)
    {
        using KafkaConnection connection = new(broker);
        for (int partition = 0; partition < partitions; partition++)
        {
            (ErrorCode Error, long Offset) found = default;
            Until.Holds(
                () => !IsRetriable((found = Committed(connection, partition)).Error),
                $"the offsets of {group} are loaded"
            );
            Assert.Equal(ErrorCode.None, found.Error);
            // -1 says that there is none.
            long offset = Math.Max(0, found.Offset);
            Assert.InRange(offset, _acknowledged[partition], _sent[partition]);
        }
    }

    private static bool IsRetriable(ErrorCode error) =>
        error is ErrorCode.CoordinatorLoadInProgress or ErrorCode.CoordinatorNotAvailable or ErrorCode.NotCoordinator;

    private ErrorCode Commit(KafkaConnection connection, int partition, long offset)
    {
        OffsetCommitRequest request = new()
        {
            GroupId = group,
            MemberId = "",
            GenerationIdOrMemberEpoch = -1,
            Topics =
            [
                new OffsetCommitRequest.OffsetCommitRequestTopic
                {
                    Name = topic,
                    Partitions =
                    [
                        new OffsetCommitRequest.OffsetCommitRequestPartition
                        {
                            PartitionIndex = partition,
                            CommittedOffset = offset,
                            CommittedMetadata = "",
                        },
                    ],
                },
            ],
        };
        return (ErrorCode)
            connection
                .Call<OffsetCommitResponse>(ApiKey.OffsetCommit, CommitVersion, request, OffsetCommitResponse.TryRead)
                .Topics[0]
                .Partitions[0]
                .ErrorCode;
    }

    private (ErrorCode Error, long Offset) Committed(KafkaConnection connection, int partition)
    {
        OffsetFetchRequest request = new()
        {
            Groups =
            [
                new OffsetFetchRequest.OffsetFetchRequestGroup
                {
                    GroupId = group,
                    Topics =
                    [
                        new OffsetFetchRequest.OffsetFetchRequestTopics
                        {
                            Name = topic,
                            PartitionIndexes = [partition],
                        },
                    ],
                },
            ],
        };
        OffsetFetchResponse.OffsetFetchResponseGroup found = connection
            .Call<OffsetFetchResponse>(ApiKey.OffsetFetch, FetchVersion, request, OffsetFetchResponse.TryRead)
            .Groups[0];
        return found.ErrorCode != 0
            ? ((ErrorCode)found.ErrorCode, -1)
            : ((ErrorCode)found.Topics[0].Partitions[0].ErrorCode, found.Topics[0].Partitions[0].CommittedOffset);
    }
}
