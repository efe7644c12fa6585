using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Simulation.Tests;

/// <summary>A member of the consumer protocol (KIP-848): it gives up at once what it is told to.</summary>
internal sealed class ConsumerMember : GroupMember
{
    private const int RebalanceTimeoutMs = 400;

    public ConsumerMember(World world, Administrator connection, TopicUnderTest topic, string group, string id)
        : base(world, connection, topic, group) => Id = id;

    public override async Task<bool> BeatAsync()
    {
        bool isSame = true;
        await Connection.UntilDoneAsync(async client =>
        {
            ConsumerGroupHeartbeatResponse answer = await client.CallAsync<ConsumerGroupHeartbeatResponse>(
                ApiKey.ConsumerGroupHeartbeat,
                1,
                new ConsumerGroupHeartbeatRequest
                {
                    GroupId = Group,
                    MemberId = Id,
                    MemberEpoch = Epoch,
                    RebalanceTimeoutMs = RebalanceTimeoutMs,
                    SubscribedTopicNames = [Topic.Name],
                    TopicPartitions =
                        Assignment.Length == 0 ? [] : [new() { TopicId = Topic.Id, Partitions = [.. Assignment] }],
                },
                ConsumerGroupHeartbeatResponse.TryRead
            );
            ErrorCode error = (ErrorCode)answer.ErrorCode;
            if (await IsForLaterAsync(client, error))
            {
                return false;
            }
            if (error is ErrorCode.UnknownMemberId or ErrorCode.FencedMemberEpoch)
            {
                isSame = false;
                Epoch = 0;
                Assignment = [];
                return false;
            }
            World.Check(error == ErrorCode.None, $"heartbeat of {Id}: {error} {answer.ErrorMessage}");
            isSame &= Take(answer);
            return true;
        });
        return isSame;
    }

    private bool Take(ConsumerGroupHeartbeatResponse answer)
    {
        Epoch = answer.MemberEpoch;
        if (answer.Assignment is null)
        {
            return true;
        }
        int[] now = [.. answer.Assignment.TopicPartitions.SelectMany(each => each.Partitions).Order()];
        bool isSame = now.SequenceEqual(Assignment);
        Assignment = now;
        return isSame;
    }
}
