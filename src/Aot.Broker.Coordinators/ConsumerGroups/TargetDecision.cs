using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// When a group needs a new target, and what it is. The group's epoch grows with each change of its subscriptions and of
/// the topics that they name; a target follows, at most once per assignment interval, so that a thousand members that
/// come at once do not cause a thousand decisions.
/// </summary>
internal sealed class TargetDecision(GroupShard shard)
{
    private static readonly IAssignor[] s_assignors = [new UniformAssignor(), new RangeAssignor()];

    public static IReadOnlyList<string> Names { get; } = [.. s_assignors.Select(assignor => assignor.Name)];

    /// <summary>Raises the group's epoch when a subscription changed, or the subscribed topics did.</summary>
    public void FollowMetadata(GroupWrite write, ConsumerGroup group, bool hasChanged)
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
            write.Add(ConsumerGroupRecords.Epoch(group.GroupId, group.Epoch + 1, hash));
        }
    }

    /// <summary>Decides the target when it is behind the group's epoch, now or as soon as the interval allows.</summary>
    public void Follow(GroupWrite write, ConsumerGroup group)
    {
        if (group.Epoch <= group.TargetEpoch)
        {
            return;
        }
        long wait =
            group.TargetTimestampMs + shard.GroupSettings.AssignmentIntervalMs(group.GroupId) - shard.Core.WallMillis;
        if (group.TargetEpoch > 0 && group.TargetTimestampMs > 0 && wait > 0)
        {
            group.TargetTimer ??= shard.Core.Timers.Schedule(
                shard.Core.NowMillis + Math.Min(wait, shard.GroupSettings.AssignmentIntervalMs(group.GroupId)),
                new TimerAction(() => OnTimer(group)),
                0
            );
            return;
        }
        Decide(write, group);
    }

    public void Cancel(ConsumerGroup group)
    {
        if (group.TargetTimer is { } timer)
        {
            shard.Core.Timers.Cancel(timer);
            group.TargetTimer = null;
        }
    }

    public static long HashOf(ConsumerGroup group, MetadataImage image) => TopicsHash.Of(group.SubscribedTopics, image);

    public void Decide(GroupWrite write, ConsumerGroup group)
    {
        Cancel(group);
        ConsumerMember[] members = [.. group.Members.OrderBy(member => member.MemberId, StringComparer.Ordinal)];
        AssignorInput input = Describe(group, members);
        IAssignor assignor = Preferred(group);
        PartitionSet[] targets = assignor.Assign(input);
        for (int i = 0; i < members.Length; i++)
        {
            string memberId = members[i].MemberId;
            if (!targets[i].HasSamePartitions(group.Target(memberId)) || !group.TargetMembers.Contains(memberId))
            {
                write.Add(ConsumerGroupRecords.Target(group.GroupId, memberId, targets[i]));
            }
        }
        write.Add(ConsumerGroupRecords.TargetEpoch(group.GroupId, group.Epoch, shard.Core.WallMillis));
    }

    /// <summary>The assignor that most members ask for; the broker's first where they do not.</summary>
    public IAssignor Preferred(ConsumerGroup group)
    {
        string name =
            group
                .Members.Where(member => member.ServerAssignor is not null)
                .GroupBy(member => member.ServerAssignor!)
                .OrderByDescending(votes => votes.Count())
                .ThenBy(votes => votes.Key, StringComparer.Ordinal)
                .FirstOrDefault()
                ?.Key
            ?? shard.Options.Consumers.Assignors[0];
        return s_assignors.FirstOrDefault(assignor => assignor.Name == name) ?? s_assignors[0];
    }

    private AssignorInput Describe(ConsumerGroup group, ConsumerMember[] members)
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
                    member.InstanceId,
                    Subscription(group, member, indexes, bySubscription),
                    group.Target(member.MemberId)
                )),
            ],
            [.. topics.Select(topic => new AssignorTopic(topic.Id, topic.Partitions.Length))]
        );
    }

    /// <summary>Members with the same subscription share one object.</summary>
    private static HashSet<int> Subscription(
        ConsumerGroup group,
        ConsumerMember member,
        Dictionary<string, int> indexes,
        Dictionary<string, HashSet<int>> known
    )
    {
        // Newlines are in no topic name and in no regular expression that matches one.
        string key = $"{member.SubscribedRegex}\n{string.Join('\n', member.SubscribedNames)}";
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

    private void OnTimer(ConsumerGroup group)
    {
        group.TargetTimer = null;
        if (shard.FindConsumer(group.GroupId) == group && group.Epoch > group.TargetEpoch)
        {
            GroupWrite write = new(shard);
            Decide(write, group);
            _ = GroupShard.WarnAsync(write.CommitAsync(), "could not record a target", group.GroupId);
        }
    }
}
