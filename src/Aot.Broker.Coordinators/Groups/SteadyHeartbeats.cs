using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>A heartbeat that says nothing but that its sender is there, as it came; the text lives as long as the call.</summary>
public readonly ref struct SteadyBeat
{
    public ReadOnlySpan<char> GroupId { get; init; }

    public ReadOnlySpan<char> MemberId { get; init; }

    /// <summary>The name of a static member; empty for others.</summary>
    public ReadOnlySpan<char> InstanceId { get; init; }

    /// <summary>The generation, or the member epoch.</summary>
    public int Epoch { get; init; }

    public ReadOnlySpan<char> ClientId { get; init; }

    /// <summary>As in <see cref="GroupCaller"/>.</summary>
    public string ClientHost { get; init; }
}

/// <summary>What a member of a consumer group is told when nothing has changed.</summary>
public readonly record struct SteadyAnswer(string MemberId, int Epoch, int IntervalMs);

/// <summary>
/// The heartbeats of members for whom nothing changes, which is nearly all of them: the session begins anew, and that is all.
/// They allocate nothing. False from either method: the heartbeat has to go the ordinary way, which decides everything else,
/// and nothing has happened yet. `perf/groups` measures both ways.
/// </summary>
public static class SteadyHeartbeats
{
    /// <summary>The partition of the group and the core that owns it; false while there are no groups at all.</summary>
    [HotPath]
    public static bool TryPlace(Core from, ReadOnlySpan<char> groupId, out int partition, out CoreIndex owner)
    {
        TopicImage? topic = from.Find<MetadataView>()?.Image.Topic(GroupCoordinator.TopicName);
        if (topic is null || groupId.IsEmpty)
        {
            partition = 0;
            owner = default;
            return false;
        }
        partition = CoordinatorPartition.Of(groupId, topic.Partitions.Length);
        owner = PartitionPlacement.CoreOf(topic.Id, partition, from.CoreCount);
        return true;
    }

    /// <summary>Heartbeat of a member of a classic group. On the core that owns the group.</summary>
    [HotPath]
    public static bool TryClassic(Core owner, int partition, in SteadyBeat beat) =>
        ActiveShard(owner, partition) is { } shard
        && shard.FindAny(beat.GroupId) is GroupEntry entry
        && shard.Membership.TryBeat(entry, beat);

    /// <summary>ConsumerGroupHeartbeat (KIP-848) that names no subscription and no partitions. On the core that owns the group.</summary>
    [HotPath]
    public static bool TryConsumer(Core owner, int partition, in SteadyBeat beat, out SteadyAnswer answer)
    {
        answer = default;
        return ActiveShard(owner, partition) is { } shard
            && shard.FindAny(beat.GroupId) is ConsumerGroup group
            && shard.Consumers.TryBeat(group, beat, out answer);
    }

    [HotPath]
    private static GroupShard? ActiveShard(Core owner, int partition) =>
        ShardFront<GroupShard>.Of(owner, partition) is { State: ShardState.Active } shard ? shard : null;
}
