using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>The answers of ConsumerGroupHeartbeat.</summary>
internal static class ConsumerAnswers
{
    public static ConsumerGroupHeartbeatResponse Refuse(in Refusal refusal) =>
        new() { ErrorCode = (short)refusal.Error, ErrorMessage = refusal.Message };

    public static ConsumerGroupHeartbeatResponse Refuse(ErrorCode error) => new() { ErrorCode = (short)error };

    public static ConsumerGroupHeartbeatResponse Left(string memberId, int epoch) =>
        new() { MemberId = memberId, MemberEpoch = epoch };

    public static ConsumerGroupHeartbeatResponse Beat(ConsumerMember member, int intervalMs, bool withAssignment) =>
        new()
        {
            MemberId = member.MemberId,
            MemberEpoch = member.Epoch,
            HeartbeatIntervalMs = intervalMs,
            Assignment = withAssignment
                ? new()
                {
                    TopicPartitions =
                    [
                        .. member.Assigned.Topics.Select(topic => new ConsumerGroupHeartbeatResponse.TopicPartitions
                        {
                            TopicId = topic.Topic,
                            Partitions = [.. topic.Held.Select(held => held.Partition)],
                        }),
                    ],
                }
                : null,
        };
}
