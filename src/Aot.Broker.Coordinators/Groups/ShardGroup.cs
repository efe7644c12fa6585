namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// A group of any protocol, as far as listing, offsets and deletion care. An id names one group of a shard, whatever
/// its protocol. Owned by the shard's core.
/// </summary>
public abstract class ShardGroup(string groupId)
{
    public string GroupId { get; } = groupId;

    /// <summary>As ListGroups spells it: classic, consumer, share, streams.</summary>
    public abstract string TypeName { get; }

    public abstract string StateName { get; }

    /// <summary>What the members divide, in the classic protocol's words; empty when none was ever given.</summary>
    public abstract string ProtocolTypeName { get; }

    /// <summary>Nobody is in it, nobody is on the way into it, and it was not removed.</summary>
    public abstract bool IsVacant { get; }

    /// <summary>It was removed; whoever holds it looks it up again.</summary>
    public virtual bool IsDead => false;

    /// <summary>Whether it is forgotten when it has neither members nor offsets.</summary>
    public virtual bool Expires => true;

    /// <summary>Since when nobody uses the group's offsets, wall clock in milliseconds; null: each offset has its own age.</summary>
    public abstract long? UnusedSinceMs { get; }

    /// <summary>Topics whose offsets are in use; null when that cannot be known, so that nothing is dropped.</summary>
    public abstract IReadOnlySet<string>? SubscribedTopics { get; }

    /// <summary>The shard serves from now on: the members' timers begin anew.</summary>
    internal abstract void Start(GroupShard shard);

    /// <summary>The shard ends, or loads again: timers stop, and who waits for an answer gets one.</summary>
    internal abstract void Stop(GroupShard shard);

    /// <summary>The records that forget the group itself; none when it never had one.</summary>
    internal abstract IEnumerable<CoordinatorRecord> Tombstones { get; }
}
