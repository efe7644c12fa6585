using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Groups;

public enum ShardState
{
    /// <summary>The log is being replayed; requests are told to come again.</summary>
    Loading,
    Active,

    /// <summary>Another broker leads the partition now, or its log is gone.</summary>
    Resigned,
}

/// <summary>
/// The coordinator of all groups of one partition of <c>__consumer_offsets</c>. Purpose: durable state (offsets,
/// stable generations) is what replay of the partition's committed records gives, at start and while running, by the
/// same code; membership in motion (joins, timers, parked answers) lives here only.
///
/// Owner: the core that owns the partition's log; everything runs there. Lifetime: from the image that makes this
/// broker the partition's leader to the one that takes it away.
/// </summary>
public sealed class GroupShard : ICoordinatorShard
{
    private const long NoProducer = -1;

    private readonly Dictionary<string, ShardGroup> groups = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ShardGroup>.AlternateLookup<ReadOnlySpan<char>> groupsByText;
    private readonly CoordinatorLog log;

    internal GroupShard(
        Core core,
        int partition,
        PartitionLog partitionLog,
        MetadataView metadata,
        GroupOptions options,
        SharePersister? persister
    )
    {
        Core = core;
        Partition = partition;
        Metadata = metadata;
        Options = options;
        Persister = persister;
        log = new CoordinatorLog(core, partitionLog, options.OffsetsCompression);
        groupsByText = groups.GetAlternateLookup<ReadOnlySpan<char>>();
        Membership = new ClassicMembership(this);
        OffsetRequests = new OffsetRequests(this);
        TransactionalOffsets = new TransactionalOffsets(this);
        Admin = new GroupAdmin(this);
        GroupSettings = new GroupSettings(metadata, options.Consumers);
        Targets = new TargetDecision(this);
        Consumers = new ConsumerMembership(this);
        Shares = new ShareMembership(this);
        ShareOffsets = new ShareOffsets(this);
        ClassicMembers = new ClassicMembers(this);
        Migration = new Migration(this);
        StreamsSettings = new StreamsSettings(metadata, options.Streams);
        Streams = new StreamsMembership(this);
    }

    public int Partition { get; }

    public ShardState State { get; private set; } = ShardState.Loading;

    public ClassicMembership Membership { get; }

    public OffsetRequests OffsetRequests { get; }

    public GroupAdmin Admin { get; }

    public ConsumerMembership Consumers { get; }

    public StreamsMembership Streams { get; }

    public ShareMembership Shares { get; }

    public OffsetStore Offsets { get; } = new();

    /// <summary>What open transactions have committed so far.</summary>
    internal PendingOffsets PendingOffsets { get; } = new();

    internal TransactionalOffsets TransactionalOffsets { get; }

    internal Core Core { get; }

    internal MetadataView Metadata { get; }

    internal GroupOptions Options { get; }

    /// <summary>Null: nobody keeps the state of share groups.</summary>
    internal SharePersister? Persister { get; }

    internal GroupSettings GroupSettings { get; }

    internal StreamsSettings StreamsSettings { get; }

    internal TargetDecision Targets { get; }

    internal ShareOffsets ShareOffsets { get; }

    internal ClassicMembers ClassicMembers { get; }

    internal Migration Migration { get; }

    internal IReadOnlyCollection<ShardGroup> Groups => groups.Values;

    public PartitionLog PartitionLog => log.Log;

    /// <summary>What a request gets instead of an answer while the shard cannot give one.</summary>
    public ErrorCode Availability =>
        State switch
        {
            ShardState.Active => ErrorCode.None,
            ShardState.Loading => ErrorCode.CoordinatorLoadInProgress,
            _ => ErrorCode.NotCoordinator,
        };

    /// <summary>Replays the log, then serves. Yields between pieces, so that a long log does not stall the core.</summary>
    public Task LoadAsync()
    {
        OffsetRequests.ScheduleExpiry();
        return ReplayAsync();
    }

    private async Task ReplayAsync()
    {
        ErrorCode error = await log.ReplayAsync(Replay, EndTransaction);
        if (State != ShardState.Loading)
        {
            return;
        }
        if (error != ErrorCode.None)
        {
            CoordinatorTrace.Log.Error(
                "cannot load the groups of a partition",
                ("partition", log.Log.Name),
                ("error", error)
            );
            State = ShardState.Resigned;
            return;
        }
        State = ShardState.Active;
        foreach (ShardGroup group in groups.Values)
        {
            group.Start(this);
        }
    }

    /// <summary>Ends the shard: parked answers go out with NOT_COORDINATOR, timers stop.</summary>
    public void Resign()
    {
        State = ShardState.Resigned;
        Abandon();
    }

    private void Abandon()
    {
        foreach (ShardGroup group in groups.Values)
        {
            group.Stop(this);
        }
        groups.Clear();
    }

    /// <summary>The group with this id, of whatever protocol.</summary>
    internal ShardGroup? FindAny(string groupId) => groups.GetValueOrDefault(groupId);

    /// <summary>The same for an id that is no string yet.</summary>
    [HotPath]
    internal ShardGroup? FindAny(ReadOnlySpan<char> groupId) =>
        groupsByText.TryGetValue(groupId, out ShardGroup? group) ? group : null;

    /// <summary>The group of the classic protocol with this id.</summary>
    internal GroupEntry? Find(string groupId) => FindAny(groupId) as GroupEntry;

    internal ConsumerGroup? FindConsumer(string groupId) => FindAny(groupId) as ConsumerGroup;

    internal StreamsGroup? FindStreams(string groupId) => FindAny(groupId) as StreamsGroup;

    internal ShareGroup? FindShare(string groupId) => FindAny(groupId) as ShareGroup;

    /// <summary>For somebody who knows that no group of another protocol has the id.</summary>
    internal GroupEntry GetOrCreate(string groupId)
    {
        if (Find(groupId) is not { } entry)
        {
            Invariant.That(!groups.ContainsKey(groupId));
            groups[groupId] = entry = new GroupEntry(new ClassicGroup(groupId));
        }
        return entry;
    }

    /// <summary>Takes in a group that was made from one of another protocol.</summary>
    internal GroupEntry Adopt(ClassicGroup group)
    {
        GroupEntry entry = new(group);
        groups[group.GroupId] = entry;
        return entry;
    }

    internal ConsumerGroup GetOrCreateConsumer(string groupId) =>
        FindConsumer(groupId) ?? Place(new ConsumerGroup(groupId));

    internal StreamsGroup GetOrCreateStreams(string groupId) =>
        FindStreams(groupId) ?? Place(new StreamsGroup(groupId));

    /// <summary>By a record of the new group: it takes the place of a group that has nobody in it.</summary>
    private TGroup Place<TGroup>(TGroup group)
        where TGroup : ShardGroup
    {
        groups[group.GroupId] = group;
        return group;
    }

    /// <summary>Whether a new group may have the id: no group has it, or one of the classic protocol without members.</summary>
    internal bool HasRoomFor(string groupId) => FindAny(groupId) is null or GroupEntry { IsVacant: true };

    /// <summary>Forgets the group without members that has the id of a new one; its offsets stay.</summary>
    internal void MakeRoom(GroupWrite write, string groupId) => write.Add(FindAny(groupId)?.Tombstones ?? []);

    /// <summary>By a record of a share group.</summary>
    internal ShareGroup GetOrCreateShare(string groupId)
    {
        if (FindShare(groupId) is not { } group)
        {
            groups[groupId] = group = new ShareGroup(groupId);
        }
        return group;
    }

    /// <summary>Offsets outlive the membership of their group: they keep an empty one.</summary>
    internal void KeepIfItHasOffsets(string groupId)
    {
        if ((Offsets.HasAny(groupId) || PendingOffsets.HasAny(groupId)) && !groups.ContainsKey(groupId))
        {
            GetOrCreate(groupId);
        }
    }

    /// <summary>Forgets a group that has neither members nor offsets.</summary>
    internal void Remove(string groupId) => groups.Remove(groupId);

    /// <summary>
    /// Appends the records as one batch and applies them when they are committed. Appends of one shard are committed,
    /// and so applied, in the order of the calls.
    /// </summary>
    internal async Task<ErrorCode> AppendAsync(IReadOnlyList<CoordinatorRecord> records)
    {
        if (State != ShardState.Active)
        {
            return Availability;
        }
        return ApplyAppended(await log.AppendAsync(records), NoProducer, records);
    }

    /// <summary>As <see cref="AppendAsync"/>, as part of the producer's open transaction.</summary>
    internal async Task<ErrorCode> AppendInTransactionAsync(
        IReadOnlyList<CoordinatorRecord> records,
        long producerId,
        short producerEpoch
    )
    {
        if (State != ShardState.Active)
        {
            return Availability;
        }
        ErrorCode error = await log.AppendInTransactionAsync(records, producerId, producerEpoch);
        return ApplyAppended(error, producerId, records);
    }

    private ErrorCode ApplyAppended(ErrorCode error, long producerId, IReadOnlyList<CoordinatorRecord> records)
    {
        if (error != ErrorCode.None)
        {
            return error;
        }
        if (State != ShardState.Active)
        {
            return Availability;
        }
        foreach (CoordinatorRecord record in records)
        {
            Apply(producerId, record.Key, record.Value, record.Value is null);
        }
        return ErrorCode.None;
    }

    /// <summary>A marker is committed: what the producer's transaction wrote here takes effect, or is forgotten.</summary>
    internal void EndTransaction(long producerId, bool isCommit)
    {
        foreach (PendingOffset pending in PendingOffsets.Take(producerId, isCommit))
        {
            if (isCommit && !pending.IsOverwritten)
            {
                Offsets.Set(pending.GroupId, pending.Partition, pending.Offset);
                KeepIfItHasOffsets(pending.GroupId);
            }
        }
    }

    /// <summary>
    /// Appends records that have taken effect already, and waits for their commit. Without it the state is ahead of the log:
    /// the shard is loaded again.
    /// </summary>
    internal async Task<ErrorCode> CommitAppliedAsync(IReadOnlyList<CoordinatorRecord> records)
    {
        ErrorCode error = State == ShardState.Active ? await log.AppendAsync(records) : Availability;
        if (error != ErrorCode.None && State == ShardState.Active)
        {
            CoordinatorTrace.Log.Error(
                "a change of a group could not be recorded; the groups of the partition are loaded again",
                ("partition", log.Log.Name),
                ("error", error)
            );
            State = ShardState.Loading;
            Abandon();
            Offsets.Clear();
            PendingOffsets.Clear();
            _ = ReplayAsync();
        }
        return error;
    }

    private void Replay(
        long offset,
        long producerId,
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> value,
        bool isTombstone
    ) => Apply(producerId, key, value, isTombstone);

    /// <summary>For a change that no request waits for.</summary>
    internal static async Task WarnAsync(Task<ErrorCode> change, string what, string groupId)
    {
        ErrorCode error = await change;
        if (error != ErrorCode.None)
        {
            CoordinatorTrace.Log.Warn(what, ("group", groupId), ("error", error));
        }
    }

    /// <summary>The effect of a committed record. Types that belong to other kinds of group are left alone.</summary>
    private void Apply(long producerId, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool isTombstone)
    {
        short type = GroupRecords.TypeOf(key);
        switch (type)
        {
            case GroupRecords.LegacyOffsetCommitType:
            case GroupRecords.OffsetCommitType:
                ApplyOffset(producerId, key, value, isTombstone);
                break;
            case GroupRecords.GroupMetadataType:
                ApplyGroup(key, value, isTombstone);
                break;
            default:
                ReplayedRecord record = new(type, key, value, isTombstone);
                bool? isRead =
                    ConsumerReplay.Apply(this, record)
                    ?? ShareReplay.Apply(this, record)
                    ?? StreamsReplay.Apply(this, record);
                if (isRead == false)
                {
                    CoordinatorTrace.Log.Warn(
                        "skipped a record of a group that cannot be read",
                        ("partition", log.Log.Name),
                        ("type", type)
                    );
                }
                break;
        }
    }

    /// <summary>The effect of a record that no transaction wrote.</summary>
    internal void Apply(in CoordinatorRecord record) =>
        Apply(NoProducer, record.Key, record.Value, record.Value is null);

    private void ApplyOffset(long producerId, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool isTombstone)
    {
        if (!GroupRecords.TryReadOffsetKey(key, out string groupId, out TopicPartition partition))
        {
            CoordinatorTrace.Log.Warn("skipped an offset record with an unreadable key", ("partition", log.Log.Name));
            return;
        }
        if (isTombstone)
        {
            PendingOffsets.Overwrite(groupId, partition);
            Offsets.Remove(groupId, partition);
        }
        else if (GroupRecords.TryReadOffsetValue(value, out CommittedOffset offset))
        {
            if (producerId >= 0)
            {
                PendingOffsets.Add(producerId, groupId, partition, offset);
            }
            else
            {
                PendingOffsets.Overwrite(groupId, partition);
                Offsets.Set(groupId, partition, offset);
            }
            KeepIfItHasOffsets(groupId);
        }
        else
        {
            CoordinatorTrace.Log.Warn(
                "skipped an offset record with an unreadable value",
                ("partition", log.Log.Name),
                ("group", groupId)
            );
        }
    }

    /// <summary>While the shard serves, the group in memory is ahead of its records; only replay at start restores from them.</summary>
    private void ApplyGroup(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool isTombstone)
    {
        if (!GroupRecords.TryReadGroupKey(key, out string groupId))
        {
            CoordinatorTrace.Log.Warn("skipped a group record with an unreadable key", ("partition", log.Log.Name));
            return;
        }
        if (isTombstone)
        {
            if (Find(groupId) is { IsVacant: true } || (State == ShardState.Loading && Find(groupId) is not null))
            {
                groups.Remove(groupId);
                KeepIfItHasOffsets(groupId);
            }
            return;
        }
        if (State != ShardState.Loading)
        {
            return;
        }
        if (!GroupRecords.TryReadGroupValue(value, out GroupMetadataValue record))
        {
            CoordinatorTrace.Log.Warn(
                "skipped a group record with an unreadable value",
                ("partition", log.Log.Name),
                ("group", groupId)
            );
            return;
        }
        ClassicGroup group = new(groupId);
        group.Restore(
            record.ProtocolType,
            record.Protocol,
            record.Generation,
            record.Leader,
            record.CurrentStateTimestamp,
            record.Members.Select(member => new ClassicMember
            {
                MemberId = member.MemberId,
                InstanceId = member.GroupInstanceId,
                ClientId = member.ClientId,
                ClientHost = member.ClientHost,
                RebalanceTimeoutMs = member.RebalanceTimeout < 0 ? member.SessionTimeout : member.RebalanceTimeout,
                SessionTimeoutMs = member.SessionTimeout,
                Protocols = [new MemberProtocol(record.Protocol ?? "", member.Subscription)],
                Assignment = member.Assignment,
            })
        );
        groups[groupId] = new GroupEntry(group) { IsRecorded = true };
    }
}
