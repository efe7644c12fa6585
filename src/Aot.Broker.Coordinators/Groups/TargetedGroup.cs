using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// A group whose partitions the broker divides (KIP-848, KIP-932): it has an epoch that grows with what has to be divided
/// anew, and a target for each member, which belongs to such an epoch. It changes by its records only, at load and while
/// running alike. Beside them it has the timers of its members. Owned by the shard's core.
/// </summary>
public abstract class TargetedGroup(string groupId) : ShardGroup(groupId)
{
    private readonly Dictionary<string, PartitionSet> _targets = [];
    private readonly Dictionary<string, MemberTimers> _timers = [];

    /// <summary>Grows with each change that a new division of the partitions has to follow.</summary>
    public int Epoch { get; private set; }

    /// <summary>A hash over the subscribed topics as they were at that epoch.</summary>
    public long MetadataHash { get; private set; }

    /// <summary>The group epoch that the target belongs to.</summary>
    public int TargetEpoch { get; private set; }

    /// <summary>Wall clock of that decision; 0 = unknown.</summary>
    public long TargetTimestampMs { get; private set; }

    public override long? UnusedSinceMs => null;

    public override IReadOnlySet<string> SubscribedTopics
    {
        get
        {
            HashSet<string> topics = [];
            foreach (GroupMember member in AnyMembers)
            {
                topics.UnionWith(TopicsOf(member));
            }
            return topics;
        }
    }

    /// <summary>The members, whatever else they are.</summary>
    internal abstract IReadOnlyCollection<GroupMember> AnyMembers { get; }

    /// <summary>The image that <see cref="MetadataHash"/> was last compared with.</summary>
    internal MetadataImage? ComparedImage { get; set; }

    /// <summary>Decides the next target, where that has to wait a little.</summary>
    internal TimerHandle? TargetTimer { get; set; }

    internal IEnumerable<MemberTimers> Timers => _timers.Values;

    public IEnumerable<string> TargetMembers => _targets.Keys;

    /// <summary>What the member shall have; empty for somebody whom no decision knows yet.</summary>
    public PartitionSet Target(string memberId) => _targets.GetValueOrDefault(memberId, PartitionSet.Empty);

    /// <summary>The names of topics that the member subscribes to, in no order.</summary>
    internal virtual IEnumerable<string> TopicsOf(GroupMember member) => member.SubscribedNames;

    /// <summary>Equal for members that subscribe to the same topics.</summary>
    internal virtual string SubscriptionOf(GroupMember member) => string.Join('\n', member.SubscribedNames);

    /// <summary>Partitions of a topic that may be given to members, in ascending order.</summary>
    internal virtual AssignorTopic Assignable(TopicImage topic) => new(topic.Id, topic.Partitions.Length);

    /// <summary>Who divides the partitions of this group.</summary>
    internal abstract IAssignor Assignor(GroupShard shard);

    /// <summary>Least time between two decisions, in milliseconds.</summary>
    internal abstract int AssignmentIntervalMs(GroupShard shard);

    internal abstract CoordinatorRecord EpochRecord(int epoch, long metadataHash);

    internal abstract CoordinatorRecord TargetRecord(string memberId, PartitionSet target);

    internal abstract CoordinatorRecord TargetEpochRecord(int epoch, long timestampMs);

    internal MemberTimers TimersOf(string memberId)
    {
        if (!_timers.TryGetValue(memberId, out MemberTimers? timers))
        {
            _timers[memberId] = timers = new MemberTimers();
        }
        return timers;
    }

    internal void SetEpoch(int epoch, long metadataHash)
    {
        Epoch = epoch;
        MetadataHash = metadataHash;
    }

    internal void SetTargetEpoch(int epoch, long timestampMs)
    {
        TargetEpoch = epoch;
        TargetTimestampMs = timestampMs;
    }

    internal void SetTarget(string memberId, PartitionSet? target)
    {
        if (target is null)
        {
            _targets.Remove(memberId);
        }
        else
        {
            _targets[memberId] = target;
        }
    }

    private protected void ForgetTimers(string memberId) => _timers.Remove(memberId);
}
