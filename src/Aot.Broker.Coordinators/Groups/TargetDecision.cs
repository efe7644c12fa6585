using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// When a group needs a new target, and what it is. The group's epoch grows with each change of its subscriptions and of
/// the topics that they name; a target follows, at most once per assignment interval, so that a thousand members that
/// come at once do not cause a thousand decisions.
/// </summary>
internal sealed class TargetDecision(GroupShard shard)
{
    /// <summary>Raises the group's epoch when a subscription changed, or the subscribed topics did.</summary>
    public void FollowMetadata(GroupWrite write, TargetedGroup group, bool hasChanged)
    {
        MetadataImage image = shard.Metadata.Image;
        if (!hasChanged && ReferenceEquals(group.ComparedImage, image))
        {
            return;
        }
        long hash = HashOf(group, image);
        group.ComparedImage = image;
        if (hasChanged || hash != group.MetadataHash)
        {
            write.Add(group.EpochRecord(group.Epoch + 1, hash));
        }
    }

    /// <summary>Decides the target when it is behind the group's epoch, now or as soon as the interval allows.</summary>
    public void Follow(GroupWrite write, TargetedGroup group)
    {
        if (group.Epoch <= group.TargetEpoch)
        {
            return;
        }
        int interval = group.AssignmentIntervalMs(shard);
        long wait = group.TargetTimestampMs + interval - shard.Core.WallMillis;
        if (group.TargetEpoch > 0 && group.TargetTimestampMs > 0 && wait > 0)
        {
            group.TargetTimer ??= shard.Core.Timers.Schedule(
                shard.Core.NowMillis + Math.Min(wait, interval),
                new TimerAction(() => OnTimer(group)),
                0
            );
            return;
        }
        Decide(write, group);
    }

    public void Cancel(TargetedGroup group)
    {
        if (group.TargetTimer is { } timer)
        {
            shard.Core.Timers.Cancel(timer);
            group.TargetTimer = null;
        }
    }

    public static long HashOf(TargetedGroup group, MetadataImage image) => TopicsHash.Of(group.SubscribedTopics, image);

    public void Decide(GroupWrite write, TargetedGroup group)
    {
        Cancel(group);
        GroupMember[] members = [.. group.AnyMembers.OrderBy(member => member.MemberId, StringComparer.Ordinal)];
        AssignorInput input = Describe(group, members);
        PartitionSet[] targets = group.Assignor(shard).Assign(input);
        for (int i = 0; i < members.Length; i++)
        {
            string memberId = members[i].MemberId;
            if (!targets[i].HasSamePartitions(group.Target(memberId)) || !group.TargetMembers.Contains(memberId))
            {
                write.Add(group.TargetRecord(memberId, targets[i]));
            }
        }
        write.Add(group.TargetEpochRecord(group.Epoch, shard.Core.WallMillis));
    }

    private AssignorInput Describe(TargetedGroup group, GroupMember[] members)
    {
        MetadataImage image = shard.Metadata.Image;
        List<TopicImage> topics = [];
        foreach (string name in group.SubscribedTopics)
        {
            if (image.Topic(name) is { } topic)
            {
                topics.Add(topic);
            }
        }
        topics.Sort((a, b) => a.Id.CompareTo(b.Id));
        Dictionary<string, int> indexes = [];
        for (int i = 0; i < topics.Count; i++)
        {
            indexes[topics[i].Name] = i;
        }
        Dictionary<string, HashSet<int>> bySubscription = [];
        return new AssignorInput(
            [
                .. members.Select(member => new AssignorMember(
                    member.MemberId,
                    (member as ConsumerMember)?.InstanceId,
                    Subscription(group, member, indexes, bySubscription),
                    group.Target(member.MemberId)
                )),
            ],
            [.. topics.Select(group.Assignable)]
        );
    }

    /// <summary>Members with the same subscription share one object.</summary>
    private static HashSet<int> Subscription(
        TargetedGroup group,
        GroupMember member,
        Dictionary<string, int> indexes,
        Dictionary<string, HashSet<int>> known
    )
    {
        string key = group.SubscriptionOf(member);
        if (!known.TryGetValue(key, out HashSet<int>? found))
        {
            known[key] = found = [];
            foreach (string name in group.TopicsOf(member))
            {
                if (indexes.TryGetValue(name, out int index))
                {
                    found.Add(index);
                }
            }
        }
        return found;
    }

    private void OnTimer(TargetedGroup group)
    {
        group.TargetTimer = null;
        if (shard.FindAny(group.GroupId) == group && group.Epoch > group.TargetEpoch)
        {
            GroupWrite write = new(shard);
            Decide(write, group);
            _ = GroupShard.WarnAsync(write.CommitAsync(), "could not record a target", group.GroupId);
        }
    }
}
