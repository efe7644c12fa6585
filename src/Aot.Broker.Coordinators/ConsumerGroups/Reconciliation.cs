namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// The next step of a member from the partitions that it has to its target (KIP-848, "Assignment Process"): first it
/// gives up what it shall not keep, then it reaches the target's epoch, then it gets each partition as soon as nobody
/// else has it. Pure: what it reads is given, what it finds is a new member.
/// </summary>
/// <param name="Target">What the member shall have.</param>
/// <param name="TargetEpoch">The epoch of that decision.</param>
/// <param name="IsFree">Whether nobody but the member itself holds the partition.</param>
/// <param name="Owned">What the member says it holds; null when it did not say.</param>
public readonly record struct Reconciliation(
    PartitionSet Target,
    int TargetEpoch,
    PartitionTest IsFree,
    PartitionSet? Owned
)
{
    /// <summary>The member itself when there is no step to take.</summary>
    public ConsumerMember Next(ConsumerMember member) =>
        member.State switch
        {
            MemberState.Stable when member.Epoch == TargetEpoch => member,
            MemberState.UnrevokedPartitions when StillOwns(member.PendingRevocation) => member,
            // All that was to be revoked is: on to the epoch after, and from there to the newest target.
            MemberState.UnrevokedPartitions => Step(member, member.Epoch + 1),
            _ => Step(member, member.Epoch),
        };

    private ConsumerMember Step(ConsumerMember member, int epoch)
    {
        PartitionSet target = Target;
        PartitionSet kept = member.Assigned.Where(target.Contains);
        PartitionSet revoked = member.Assigned.Where((topic, p) => !target.Contains(topic, p));
        if (!revoked.IsEmpty && StillOwns(revoked))
        {
            return member with
            {
                State = MemberState.UnrevokedPartitions,
                Epoch = epoch,
                PreviousEpoch = member.Epoch,
                Assigned = kept,
                PendingRevocation = revoked,
            };
        }
        PartitionSet.Builder added = new();
        bool mustWait = false;
        foreach (TopicPartitions wanted in target.Topics)
        {
            foreach (HeldPartition held in wanted.Held)
            {
                if (kept.Contains(wanted.Topic, held.Partition))
                {
                    continue;
                }
                if (IsFree(wanted.Topic, held.Partition))
                {
                    added.Add(wanted.Topic, new HeldPartition(held.Partition, TargetEpoch));
                }
                else
                {
                    mustWait = true;
                }
            }
        }
        MemberState state = mustWait ? MemberState.UnreleasedPartitions : MemberState.Stable;
        PartitionSet assigned = kept.Union(added.Build());
        bool isSame =
            state == member.State
            && TargetEpoch == member.Epoch
            && member.PendingRevocation.IsEmpty
            && assigned.HasSamePartitions(member.Assigned);
        return isSame
            ? member
            : member with
            {
                State = state,
                Epoch = TargetEpoch,
                PreviousEpoch = member.Epoch,
                Assigned = assigned,
                PendingRevocation = PartitionSet.Empty,
            };
    }

    private bool StillOwns(PartitionSet partitions)
    {
        PartitionSet? owned = Owned;
        return owned is null || partitions.Any(owned.Contains);
    }
}
