using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Commits ascending offsets of one partition for a group without members, and knows which one has to be there: not an
/// older one than the last that was acknowledged, and none that was not sent.
/// </summary>
internal sealed class OffsetCommitter(TopicUnderTest topic, string group)
{
    private readonly World _world = topic.World;
    private long _sent = -1;
    private long _acknowledged = -1;

    public Task CommitAsync(Administrator connection, long offset)
    {
        _sent = offset;
        return connection.UntilDoneAsync(async client =>
        {
            if (!await FindAsync(client))
            {
                return false;
            }
            OffsetCommitResponse response = await client.CallAsync<OffsetCommitResponse>(
                ApiKey.OffsetCommit,
                8,
                new OffsetCommitRequest
                {
                    GroupId = group,
                    Topics =
                    [
                        new()
                        {
                            Name = topic.Name,
                            Partitions = [new() { PartitionIndex = 0, CommittedOffset = offset }],
                        },
                    ],
                },
                OffsetCommitResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.Topics[0].Partitions[0].ErrorCode;
            _world.Check(error == ErrorCode.None || topic.MayAnswer(error), $"commit of {group}: {error}");
            if (error == ErrorCode.None)
            {
                _acknowledged = offset;
            }
            return error == ErrorCode.None;
        });
    }

    public Task CheckAsync(Administrator connection) =>
        connection.UntilDoneAsync(async client =>
        {
            if (!await FindAsync(client))
            {
                return false;
            }
            OffsetFetchResponse response = await client.CallAsync<OffsetFetchResponse>(
                ApiKey.OffsetFetch,
                7,
                new OffsetFetchRequest
                {
                    GroupId = group,
                    Topics = [new() { Name = topic.Name, PartitionIndexes = [0] }],
                },
                OffsetFetchResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.ErrorCode;
            if (error != ErrorCode.None)
            {
                _world.Check(topic.MayAnswer(error), $"offsets of {group}: {error}");
                return false;
            }
            long found = response.Topics[0].Partitions[0].CommittedOffset;
            _world.Check(
                found >= _acknowledged && found <= _sent,
                $"{group} committed {_acknowledged}, sent up to {_sent}, and has {found}"
            );
            return true;
        });

    private async Task<bool> FindAsync(WireClient client)
    {
        FindCoordinatorResponse found = await client.CallAsync<FindCoordinatorResponse>(
            ApiKey.FindCoordinator,
            4,
            new FindCoordinatorRequest { CoordinatorKeys = [group] },
            FindCoordinatorResponse.TryRead
        );
        return found.Coordinators[0].ErrorCode == 0;
    }
}
