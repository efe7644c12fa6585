using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>Who may commit offsets for a streams group.</summary>
internal static class StreamsOffsets
{
    /// <summary>
    /// A member says its epoch. One that is behind may commit for the tasks that it had at that epoch and has not given up:
    /// it hears of its new epoch with its next heartbeat only.
    /// </summary>
    public static ErrorCode CheckCommitter(
        StreamsGroup group,
        string memberId,
        int epoch,
        bool hasMemberEpochs,
        out CommitFence? fence
    )
    {
        fence = null;
        if (epoch < 0 && group.IsVacant)
        {
            return ErrorCode.None;
        }
        if (group.Find(memberId) is not { } member)
        {
            return ErrorCode.UnknownMemberId;
        }
        if (!hasMemberEpochs)
        {
            return ErrorCode.UnsupportedVersion;
        }
        if (epoch > member.Epoch || group.Topology is not { } topology)
        {
            return ErrorCode.StaleMemberEpoch;
        }
        if (epoch < member.Epoch)
        {
            fence = (topic, partition) =>
                HadAt(member, topology, epoch, topic.Name, partition) ? ErrorCode.None : ErrorCode.StaleMemberEpoch;
        }
        return ErrorCode.None;
    }

    private static bool HadAt(StreamsMember member, StreamsTopology topology, int epoch, string topic, int partition)
    {
        if (topology.SubtopologyOf(topic) is not { } subtopology)
        {
            return false;
        }
        StreamsTask task = new(subtopology, partition);
        StreamsTask? held = member.Assigned.Active.Find(task) ?? member.PendingRevocation.Active.Find(task);
        return held is not null && held.Epoch <= epoch;
    }
}
