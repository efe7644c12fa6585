using Aot.Broker.Base;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>Who says that it commits offsets for a consumer group.</summary>
/// <param name="Epoch">The member epoch; of a member of the classic protocol its generation; -1 = none.</param>
internal readonly record struct Committer(string MemberId, string? InstanceId, int Epoch);

/// <summary>
/// Who may commit for a consumer group, and for what (KIP-848). A member whose epoch is behind may still commit for the
/// partitions that it has held since that epoch or longer, so that a commit that crosses a rebalance is not lost
/// (KIP-1251).
/// </summary>
internal static class CommitRules
{
    private const short FirstWithMemberEpochs = 9;

    /// <summary>Version of OffsetCommit that is meant where an epoch may be named whatever the version.</summary>
    public const short InTransaction = short.MaxValue;

    /// <param name="fence">What has to be asked for each partition, where the member's epoch is behind; else null.</param>
    public static ErrorCode Check(ConsumerGroup group, Committer committer, short version, out CommitFence? fence)
    {
        fence = null;
        if (committer.Epoch < 0 && group.IsVacant)
        {
            return ErrorCode.None;
        }
        // Transactional clients before KIP-447 say nothing about membership.
        if (version == InTransaction && committer is { Epoch: -1, MemberId: "", InstanceId: null })
        {
            return ErrorCode.None;
        }
        if (group.Find(committer.MemberId) is not { } member)
        {
            return ErrorCode.UnknownMemberId;
        }
        if (version < FirstWithMemberEpochs && !member.UsesClassicProtocol)
        {
            return ErrorCode.UnsupportedVersion;
        }
        if (committer.Epoch > member.Epoch)
        {
            return Stale(member);
        }
        if (committer.Epoch < member.Epoch)
        {
            fence = (topic, partition) => CheckPartition(member, committer.Epoch, topic.Id, partition);
        }
        return ErrorCode.None;
    }

    private static ErrorCode CheckPartition(ConsumerMember late, int epoch, KafkaUuid topic, int partition)
    {
        HeldPartition? held = late.Assigned.Find(topic, partition) ?? late.PendingRevocation.Find(topic, partition);
        return held is { } since && since.Epoch <= epoch ? ErrorCode.None : Stale(late);
    }

    private static ErrorCode Stale(ConsumerMember member) =>
        member.UsesClassicProtocol ? ErrorCode.IllegalGeneration : ErrorCode.StaleMemberEpoch;
}
