using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// Commit, fetch, deletion and expiry of offsets. A commit is answered after its record is committed and applied.
/// Runs on the shard's core.
/// </summary>
public sealed class OffsetRequests(GroupShard shard)
{
    private const short FirstWithMemberEpochs = 9;
    private const short FirstWithTopicIds = 10;

    public async Task<OffsetCommitResponse> CommitAsync(GroupCaller caller, OffsetCommitRequest request)
    {
        // As in Apache Kafka a commit for nothing that exists does not reach the group.
        ErrorCode refusal = NamesSomething(caller, request) ? CheckAll(caller, request) : ErrorCode.None;
        List<OffsetCommitResponse.OffsetCommitResponseTopic> topics = [];
        List<CoordinatorRecord> records = [];
        List<OffsetCommitResponse.OffsetCommitResponsePartition> accepted = [];
        long now = shard.Core.WallMillis;
        long expiry = request.RetentionTimeMs < 0 ? -1 : now + request.RetentionTimeMs;
        foreach (OffsetCommitRequest.OffsetCommitRequestTopic topic in request.Topics)
        {
            TopicImage? known = Find(topic.Name, topic.TopicId, caller.ApiVersion);
            List<OffsetCommitResponse.OffsetCommitResponsePartition> partitions = [];
            foreach (OffsetCommitRequest.OffsetCommitRequestPartition partition in topic.Partitions)
            {
                string metadata = partition.CommittedMetadata ?? "";
                ErrorCode error =
                    known is null ? UnknownIn(caller.ApiVersion)
                    : known.Partition(partition.PartitionIndex) is null ? ErrorCode.UnknownTopicOrPartition
                    : refusal != ErrorCode.None ? refusal
                    : IsTooLarge(metadata) ? ErrorCode.OffsetMetadataTooLarge
                    : ErrorCode.None;
                OffsetCommitResponse.OffsetCommitResponsePartition result = new()
                {
                    PartitionIndex = partition.PartitionIndex,
                    ErrorCode = (short)error,
                };
                partitions.Add(result);
                if (error == ErrorCode.None)
                {
                    CommittedOffset offset = new(
                        partition.CommittedOffset,
                        partition.CommittedLeaderEpoch,
                        metadata,
                        now,
                        expiry,
                        known!.Id
                    );
                    records.Add(
                        new CoordinatorRecord(
                            GroupRecords.OffsetKey(
                                request.GroupId,
                                new TopicPartition(known.Name, partition.PartitionIndex)
                            ),
                            GroupRecords.OffsetValue(offset)
                        )
                    );
                    accepted.Add(result);
                }
            }
            topics.Add(
                new OffsetCommitResponse.OffsetCommitResponseTopic
                {
                    Name = topic.Name,
                    TopicId = topic.TopicId,
                    Partitions = [.. partitions],
                }
            );
        }
        if (records.Count > 0)
        {
            ErrorCode error = await shard.AppendAsync(records);
            foreach (OffsetCommitResponse.OffsetCommitResponsePartition result in accepted)
            {
                result.ErrorCode = (short)error;
            }
        }
        return new OffsetCommitResponse { Topics = [.. topics] };
    }

    private bool NamesSomething(GroupCaller caller, OffsetCommitRequest request) =>
        request.Topics.Exists(topic =>
            Find(topic.Name, topic.TopicId, caller.ApiVersion) is { } known
            && topic.Partitions.Exists(partition => known.Partition(partition.PartitionIndex) is not null)
        );

    /// <summary>A single partition that the caller may not commit for, and nothing is committed.</summary>
    private ErrorCode CheckAll(GroupCaller caller, OffsetCommitRequest request)
    {
        ErrorCode refusal = CheckCommitter(caller, request, out CommitFence? fence);
        if (fence is null)
        {
            return refusal;
        }
        foreach (OffsetCommitRequest.OffsetCommitRequestTopic topic in request.Topics)
        {
            TopicImage? known = Find(topic.Name, topic.TopicId, caller.ApiVersion);
            foreach (OffsetCommitRequest.OffsetCommitRequestPartition partition in topic.Partitions)
            {
                refusal = Ask(fence, known, partition.PartitionIndex, partition.CommittedMetadata);
                if (refusal != ErrorCode.None)
                {
                    return refusal;
                }
            }
        }
        return ErrorCode.None;
    }

    /// <summary>What the fence says, of partitions that would be committed.</summary>
    internal ErrorCode Ask(CommitFence fence, TopicImage? topic, int partition, string? metadata) =>
        topic?.Partition(partition) is null || IsTooLarge(metadata) ? ErrorCode.None : fence(topic, partition);

    /// <summary>Whether this caller may commit for the group now; also a sign of life of a member.</summary>
    private ErrorCode CheckCommitter(GroupCaller caller, OffsetCommitRequest request, out CommitFence? fence)
    {
        fence = null;
        int generation = request.GenerationIdOrMemberEpoch;
        if (shard.FindConsumer(request.GroupId) is { } consumers)
        {
            Committer committer = new(request.MemberId, request.GroupInstanceId, generation);
            return CommitRules.Check(consumers, committer, caller.ApiVersion, out fence);
        }
        if (shard.FindStreams(request.GroupId) is { } streams)
        {
            return StreamsOffsets.CheckCommitter(
                streams,
                request.MemberId,
                request.GenerationIdOrMemberEpoch,
                hasMemberEpochs: caller.ApiVersion >= FirstWithMemberEpochs,
                out fence
            );
        }
        GroupEntry? entry = shard.Find(request.GroupId);
        if (entry is null && shard.FindAny(request.GroupId) is not null)
        {
            return ErrorCode.GroupIdNotFound;
        }
        if (entry is null)
        {
            if (generation < 0)
            {
                shard.GetOrCreate(request.GroupId);
                return ErrorCode.None;
            }
            return caller.ApiVersion >= 9 ? ErrorCode.GroupIdNotFound : ErrorCode.IllegalGeneration;
        }
        ClassicGroup group = entry.Group;
        if (group.State == ClassicGroupState.Dead)
        {
            return ErrorCode.CoordinatorNotAvailable;
        }
        // Without a generation: an administrator, or a consumer that assigns its own partitions. Not beside members.
        if (generation < 0 && group.State == ClassicGroupState.Empty)
        {
            return ErrorCode.None;
        }
        if (generation < 0 && request.MemberId.Length == 0 && request.GroupInstanceId is null)
        {
            return ErrorCode.UnknownMemberId;
        }
        ErrorCode identity = ClassicMembership.CheckIdentity(group, request.MemberId, request.GroupInstanceId);
        if (identity != ErrorCode.None)
        {
            return identity;
        }
        if (generation != group.Generation)
        {
            return ErrorCode.IllegalGeneration;
        }
        if (group.State == ClassicGroupState.CompletingRebalance)
        {
            return ErrorCode.RebalanceInProgress;
        }
        shard.Membership.Rebalance.RestartSession(entry, group.Find(request.MemberId)!);
        return ErrorCode.None;
    }

    internal bool IsTooLarge(string? metadata) => metadata?.Length > shard.Options.OffsetMetadataBytesMax;

    /// <summary>The topic that a request names, by its id from version 10 on.</summary>
    internal TopicImage? Find(string name, KafkaUuid id, short version) =>
        version >= FirstWithTopicIds ? shard.Metadata.Image.Topic(id) : shard.Metadata.Image.Topic(name);

    /// <summary>What is said of a topic that is not there.</summary>
    internal static ErrorCode UnknownIn(short version) =>
        version >= FirstWithTopicIds ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition;

    /// <summary>The offsets of one group for versions from 8 on.</summary>
    public OffsetFetchResponse.OffsetFetchResponseGroup Fetch(
        GroupCaller caller,
        OffsetFetchRequest.OffsetFetchRequestGroup request,
        bool requireStable
    )
    {
        ErrorCode refusal = CheckReader(caller, request);
        if (refusal != ErrorCode.None)
        {
            return new OffsetFetchResponse.OffsetFetchResponseGroup
            {
                GroupId = request.GroupId,
                ErrorCode = (short)refusal,
            };
        }
        List<OffsetFetchResponse.OffsetFetchResponseTopics> topics = [];
        if (request.Topics is null)
        {
            foreach ((string topic, List<int> partitions) in PartitionsWithOffsets(request.GroupId))
            {
                KafkaUuid id = shard.Metadata.Image.Topic(topic)?.Id ?? KafkaUuid.Zero;
                if (caller.ApiVersion >= FirstWithTopicIds && id.IsZero)
                {
                    continue;
                }
                topics.Add(
                    new OffsetFetchResponse.OffsetFetchResponseTopics
                    {
                        Name = topic,
                        TopicId = id,
                        Partitions =
                        [
                            .. partitions.Select(partition =>
                                FetchOne(request.GroupId, new TopicPartition(topic, partition), requireStable)
                            ),
                        ],
                    }
                );
            }
        }
        else
        {
            foreach (OffsetFetchRequest.OffsetFetchRequestTopics topic in request.Topics)
            {
                topics.Add(FetchTopic(caller, request.GroupId, topic, requireStable));
            }
            if (caller.ApiVersion >= FirstWithTopicIds)
            {
                // Apache Kafka answers for ids that it does not know behind all others.
                topics =
                [
                    .. topics.Where(topic => topic.Name.Length > 0),
                    .. topics.Where(topic => topic.Name.Length == 0),
                ];
            }
        }
        return new OffsetFetchResponse.OffsetFetchResponseGroup { GroupId = request.GroupId, Topics = [.. topics] };
    }

    /// <summary>Who says that it is a member must be one, at its present epoch (version 9 and later).</summary>
    private ErrorCode CheckReader(GroupCaller caller, OffsetFetchRequest.OffsetFetchRequestGroup request)
    {
        bool saysWho =
            caller.ApiVersion >= FirstWithMemberEpochs && (request.MemberId is not null || request.MemberEpoch >= 0);
        if (saysWho && shard.FindStreams(request.GroupId) is { } streams)
        {
            return streams.Find(request.MemberId ?? "") is not { } reader ? ErrorCode.UnknownMemberId
                : reader.Epoch == request.MemberEpoch ? ErrorCode.None
                : ErrorCode.StaleMemberEpoch;
        }
        if (!saysWho || shard.FindConsumer(request.GroupId) is not { } group)
        {
            return ErrorCode.None;
        }
        if (group.Find(request.MemberId ?? "") is not { } member)
        {
            return ErrorCode.UnknownMemberId;
        }
        return member.Epoch == request.MemberEpoch ? ErrorCode.None
            : member.UsesClassicProtocol ? ErrorCode.IllegalGeneration
            : ErrorCode.StaleMemberEpoch;
    }

    private OffsetFetchResponse.OffsetFetchResponseTopics FetchTopic(
        GroupCaller caller,
        string groupId,
        OffsetFetchRequest.OffsetFetchRequestTopics topic,
        bool requireStable
    )
    {
        string? name =
            caller.ApiVersion >= FirstWithTopicIds ? shard.Metadata.Image.Topic(topic.TopicId)?.Name : topic.Name;
        List<OffsetFetchResponse.OffsetFetchResponsePartitions> partitions = [];
        foreach (int partition in topic.PartitionIndexes)
        {
            if (name is null)
            {
                partitions.Add(Answer(partition, null, ErrorCode.UnknownTopicId));
                continue;
            }
            partitions.Add(FetchOne(groupId, new TopicPartition(name, partition), requireStable));
        }
        return new OffsetFetchResponse.OffsetFetchResponseTopics
        {
            Name = name ?? "",
            TopicId = topic.TopicId,
            Partitions = [.. partitions],
        };
    }

    private OffsetFetchResponse.OffsetFetchResponsePartitions FetchOne(
        string groupId,
        in TopicPartition name,
        bool requireStable
    ) => Answer(name.Partition, shard.Offsets.Find(groupId, name), StabilityOf(groupId, name, requireStable));

    /// <summary>A consumer that wants stable offsets waits for the transaction that may still move this one (KIP-447).</summary>
    private ErrorCode StabilityOf(string groupId, in TopicPartition partition, bool requireStable) =>
        requireStable && shard.PendingOffsets.Has(groupId, partition) ? ErrorCode.UnstableOffsetCommit : ErrorCode.None;

    private static OffsetFetchResponse.OffsetFetchResponsePartitions Answer(
        int partition,
        CommittedOffset? offset,
        ErrorCode error
    )
    {
        CommittedOffset? shown = error == ErrorCode.None ? offset : null;
        return new OffsetFetchResponse.OffsetFetchResponsePartitions
        {
            PartitionIndex = partition,
            CommittedOffset = shown?.Offset ?? -1,
            CommittedLeaderEpoch = shown?.LeaderEpoch ?? -1,
            Metadata = shown?.Metadata ?? "",
            ErrorCode = (short)error,
        };
    }

    /// <summary>The partitions that a group has committed, by topic, both in order.</summary>
    private SortedDictionary<string, List<int>> PartitionsWithOffsets(string groupId)
    {
        SortedDictionary<string, List<int>> byTopic = new(StringComparer.Ordinal);
        foreach (TopicPartition name in shard.Offsets.Of(groupId).Keys)
        {
            if (!byTopic.TryGetValue(name.Topic, out List<int>? partitions))
            {
                byTopic[name.Topic] = partitions = [];
            }
            partitions.Add(name.Partition);
        }
        foreach (List<int> partitions in byTopic.Values)
        {
            partitions.Sort();
        }
        return byTopic;
    }

    public async Task<OffsetDeleteResponse> DeleteAsync(OffsetDeleteRequest request)
    {
        ShardGroup? group = shard.FindAny(request.GroupId);
        if (group is null || group.IsDead)
        {
            return new OffsetDeleteResponse { ErrorCode = (short)ErrorCode.GroupIdNotFound };
        }
        if (group is GroupEntry { IsVacant: false, ProtocolTypeName: not ConsumerSubscription.ProtocolType })
        {
            return new OffsetDeleteResponse { ErrorCode = (short)ErrorCode.NonEmptyGroup };
        }
        IReadOnlySet<string>? subscribed = group.SubscribedTopics;
        List<CoordinatorRecord> tombstones = [];
        List<OffsetDeleteResponse.OffsetDeleteResponseTopic> topics = [];
        foreach (OffsetDeleteRequest.OffsetDeleteRequestTopic topic in request.Topics)
        {
            bool inUse = subscribed is null || subscribed.Contains(topic.Name);
            List<OffsetDeleteResponse.OffsetDeleteResponsePartition> partitions = [];
            foreach (OffsetDeleteRequest.OffsetDeleteRequestPartition partition in topic.Partitions)
            {
                TopicPartition key = new(topic.Name, partition.PartitionIndex);
                if (!inUse && shard.Offsets.Find(group.GroupId, key) is not null)
                {
                    tombstones.Add(new CoordinatorRecord(GroupRecords.OffsetKey(group.GroupId, key), null));
                }
                partitions.Add(
                    new OffsetDeleteResponse.OffsetDeleteResponsePartition
                    {
                        PartitionIndex = partition.PartitionIndex,
                        ErrorCode = (short)(
                            shard.Metadata.Image.Topic(topic.Name)?.Partition(partition.PartitionIndex) is null
                                ? ErrorCode.UnknownTopicOrPartition
                            : inUse ? ErrorCode.GroupSubscribedToTopic
                            : ErrorCode.None
                        ),
                    }
                );
            }
            topics.Add(
                new OffsetDeleteResponse.OffsetDeleteResponseTopic { Name = topic.Name, Partitions = [.. partitions] }
            );
        }
        ErrorCode error = tombstones.Count == 0 ? ErrorCode.None : await shard.AppendAsync(tombstones);
        return error == ErrorCode.None
            ? new OffsetDeleteResponse { Topics = [.. topics] }
            : new OffsetDeleteResponse { ErrorCode = (short)error };
    }

    /// <summary>Forgets, durably, the offsets of topics that no longer exist.</summary>
    public async Task ForgetTopicsAsync(IReadOnlySet<string> deleted)
    {
        List<CoordinatorRecord> tombstones = [];
        foreach (string groupId in shard.Offsets.Groups)
        {
            foreach (TopicPartition partition in shard.Offsets.Of(groupId).Keys)
            {
                if (deleted.Contains(partition.Topic))
                {
                    tombstones.Add(new CoordinatorRecord(GroupRecords.OffsetKey(groupId, partition), null));
                }
            }
        }
        if (tombstones.Count > 0)
        {
            await shard.AppendAsync(tombstones);
        }
    }

    /// <summary>Once in the life of the shard, however often it is loaded again.</summary>
    internal void ScheduleExpiry() =>
        RepeatedWork.Every(
            shard.Core,
            shard.Options.OffsetsRetentionCheckIntervalMs,
            () => shard.State != ShardState.Resigned,
            ExpireAsync
        );

    /// <summary>
    /// Offsets age from the moment from which nobody used them: of a group without members from when it became empty,
    /// of a group that only stores offsets from each commit, of a living consumer group only for topics that it no
    /// longer subscribes to (KIP-211). A group that has lost everything goes as well.
    /// </summary>
    private async Task ExpireAsync()
    {
        if (shard.State != ShardState.Active)
        {
            return;
        }
        long now = shard.Core.WallMillis;
        List<CoordinatorRecord> tombstones = [];
        List<string> emptied = [];
        foreach (ShardGroup group in shard.Groups)
        {
            IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets = shard.Offsets.Of(group.GroupId);
            IReadOnlySet<string>? subscribed = group.SubscribedTopics;
            int expired = 0;
            foreach ((TopicPartition partition, CommittedOffset offset) in offsets)
            {
                bool inUse =
                    subscribed is null
                    || subscribed.Contains(partition.Topic)
                    || shard.PendingOffsets.Has(group.GroupId, partition);
                if (!inUse && IsExpired(group, offset, now))
                {
                    expired++;
                    tombstones.Add(new CoordinatorRecord(GroupRecords.OffsetKey(group.GroupId, partition), null));
                }
            }
            bool hasNothing = expired == offsets.Count && !shard.PendingOffsets.HasAny(group.GroupId);
            if (hasNothing && group is { IsVacant: true, Expires: true })
            {
                emptied.Add(group.GroupId);
                tombstones.AddRange(group.Tombstones);
            }
        }
        ErrorCode error = tombstones.Count == 0 ? ErrorCode.None : await shard.AppendAsync(tombstones);
        if (error == ErrorCode.None)
        {
            foreach (string groupId in emptied)
            {
                if (shard.FindAny(groupId) is { IsVacant: true } && !shard.Offsets.HasAny(groupId))
                {
                    shard.Remove(groupId);
                }
            }
        }
    }

    private bool IsExpired(ShardGroup group, in CommittedOffset offset, long now)
    {
        if (offset.ExpireTimestampMs >= 0)
        {
            return now >= offset.ExpireTimestampMs;
        }
        return now - (group.UnusedSinceMs ?? offset.CommitTimestampMs) >= shard.Options.OffsetsRetentionMs;
    }
}
