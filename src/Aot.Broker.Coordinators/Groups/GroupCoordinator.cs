using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// The front of the group coordinator: finds the shard of a group and runs the request on the core that owns it. One
/// object for the process, without state of its own besides settings; it may be called from every core. As a listener
/// of the metadata it starts and ends shards as partitions of <c>__consumer_offsets</c> come and go.
/// </summary>
public sealed class GroupCoordinator(int nodeId, GroupOptions options, SharePersister? persister = null)
    : IMetadataListener
{
    public const string TopicName = TopicImage.GroupMetadataTopic;

    private readonly ShardFront<GroupShard> _shards = new(
        nodeId,
        TopicName,
        (core, partition, log) => new GroupShard(core, partition, log, core.Get<MetadataView>(), options, persister)
    );

    public GroupOptions Options => options;

    /// <summary>The requests of share groups.</summary>
    public ShareGroupRequests Shares => new(this);

    public ValueTask OnImageAsync(Core core, MetadataImage previous, MetadataImage current, MetadataDelta delta)
    {
        // A partition whose log came late is told as a change, and its topic is the same object as before.
        if (delta.Topics is not null || core.Find<CoordinatorShards<GroupShard>>() is null)
        {
            _shards.Update(core, current);
        }
        if (delta.Topics is { Deleted.Count: > 0 } topics)
        {
            HashSet<string> deleted = [.. topics.Deleted.Values.Select(topic => topic.Name)];
            foreach (GroupShard shard in ShardFront<GroupShard>.Of(core))
            {
                _ = shard.OffsetRequests.ForgetTopicsAsync(deleted);
                _ = shard.Shares.States.ForgetTopicsAsync(topics.Deleted);
            }
        }
        if (delta.Topics is not null)
        {
            foreach (GroupShard shard in ShardFront<GroupShard>.Of(core))
            {
                shard.Consumers.Regexes.ScheduleRefresh(current.Offset);
            }
        }
        return ValueTask.CompletedTask;
    }

    public Task<JoinGroupResponse> JoinGroupAsync(Core from, GroupCaller caller, JoinGroupRequest request) =>
        OnShardAsync(
            from,
            request.GroupId,
            shard => shard.Membership.JoinAsync(caller, request),
            error => ClassicAnswers.JoinError(request.MemberId, error, caller.ApiVersion)
        );

    public Task<SyncGroupResponse> SyncGroupAsync(Core from, GroupCaller caller, SyncGroupRequest request) =>
        OnShardAsync(
            from,
            request.GroupId,
            shard => shard.Membership.SyncAsync(caller, request),
            ClassicAnswers.SyncError
        );

    public Task<HeartbeatResponse> HeartbeatAsync(Core from, GroupCaller caller, HeartbeatRequest request) =>
        OnShardAsync(
            from,
            request.GroupId,
            shard => Task.FromResult(shard.Membership.Heartbeat(request)),
            error => new HeartbeatResponse { ErrorCode = (short)error }
        );

    public Task<LeaveGroupResponse> LeaveGroupAsync(Core from, GroupCaller caller, LeaveGroupRequest request) =>
        OnShardAsync(
            from,
            request.GroupId,
            shard => shard.Membership.LeaveAsync(caller, request),
            error => new LeaveGroupResponse { ErrorCode = (short)error }
        );

    /// <summary>Both the setting and the cluster's <c>group.version</c> have to allow groups of KIP-848.</summary>
    public bool ServesConsumerGroups(MetadataImage image) =>
        options.Consumers.IsEnabled && image.Features.Level(Features.GroupVersion) > 0;

    /// <summary>As <see cref="ServesConsumerGroups"/>, groups of KIP-1071 by <c>streams.version</c>.</summary>
    public bool ServesStreamsGroups(MetadataImage image) =>
        options.Streams.IsEnabled && image.Features.Level(Features.StreamsVersion) > 0;

    public Task<ConsumerGroupHeartbeatResponse> ConsumerHeartbeatAsync(
        Core from,
        GroupCaller caller,
        ConsumerGroupHeartbeatRequest request
    ) =>
        OnShardAsync(
            from,
            request.GroupId,
            shard => shard.Consumers.HeartbeatAsync(caller, request),
            error => new ConsumerGroupHeartbeatResponse { ErrorCode = (short)error },
            allowEmptyGroup: true
        );

    public async Task<ConsumerGroupDescribeResponse> ConsumerDescribeAsync(
        Core from,
        ConsumerGroupDescribeRequest request
    )
    {
        ConsumerGroupDescribeResponse.DescribedGroup[] groups = await CoreTasks.AllAsync(
            request.GroupIds.Select(groupId =>
                OnShardAsync(
                    from,
                    groupId,
                    shard => Task.FromResult(ConsumerDescription.Of(shard, groupId)),
                    error => new ConsumerGroupDescribeResponse.DescribedGroup
                    {
                        GroupId = groupId,
                        ErrorCode = (short)error,
                    }
                )
            )
        );
        return new ConsumerGroupDescribeResponse { Groups = [.. groups] };
    }

    public Task<StreamsHeartbeatResult> StreamsHeartbeatAsync(
        Core from,
        GroupCaller caller,
        StreamsGroupHeartbeatRequest request
    ) =>
        OnShardAsync(
            from,
            request.GroupId,
            shard => shard.Streams.HeartbeatAsync(caller, request),
            StreamsAnswers.Refuse,
            allowEmptyGroup: true
        );

    public async Task<StreamsGroupDescribeResponse> StreamsDescribeAsync(Core from, StreamsGroupDescribeRequest request)
    {
        StreamsGroupDescribeResponse.DescribedGroup[] groups = await CoreTasks.AllAsync(
            request.GroupIds.Select(groupId =>
                OnShardAsync(
                    from,
                    groupId,
                    shard => Task.FromResult(StreamsDescription.Of(shard, groupId, request.IncludeTopologyDescription)),
                    error => new StreamsGroupDescribeResponse.DescribedGroup
                    {
                        GroupId = groupId,
                        ErrorCode = (short)error,
                    }
                )
            )
        );
        return new StreamsGroupDescribeResponse { Groups = [.. groups] };
    }

    /// <summary>An empty group id is allowed here: clients that keep to assigned partitions have committed so for ever.</summary>
    public Task<OffsetCommitResponse> OffsetCommitAsync(Core from, GroupCaller caller, OffsetCommitRequest request) =>
        OnShardAsync(
            from,
            request.GroupId,
            shard => shard.OffsetRequests.CommitAsync(caller, request),
            error => new OffsetCommitResponse
            {
                Topics =
                [
                    .. request.Topics.Select(topic => new OffsetCommitResponse.OffsetCommitResponseTopic
                    {
                        Name = topic.Name,
                        TopicId = topic.TopicId,
                        Partitions =
                        [
                            .. topic.Partitions.Select(p => new OffsetCommitResponse.OffsetCommitResponsePartition
                            {
                                PartitionIndex = p.PartitionIndex,
                                ErrorCode = (short)error,
                            }),
                        ],
                    }),
                ],
            },
            allowEmptyGroup: true
        );

    /// <summary>As a commit, effective when the producer's transaction is; <paramref name="transactions"/> knows that transaction.</summary>
    public Task<TxnOffsetCommitResponse> TxnOffsetCommitAsync(
        Core from,
        GroupCaller caller,
        TxnOffsetCommitRequest request,
        TransactionCoordinator transactions
    ) =>
        OnShardAsync(
            from,
            request.GroupId,
            shard => shard.TransactionalOffsets.CommitAsync(caller, request, transactions),
            error => TransactionalOffsets.Refuse(caller, request, error)
        );

    /// <summary>Answers in the form of the caller's version: one group below 8, a list from 8 on.</summary>
    public async Task<OffsetFetchResponse> OffsetFetchAsync(Core from, GroupCaller caller, OffsetFetchRequest request)
    {
        if (caller.ApiVersion >= 8)
        {
            OffsetFetchResponse.OffsetFetchResponseGroup[] groups = await CoreTasks.AllAsync(
                request.Groups.Select(group => FetchGroupAsync(from, caller, group, request.RequireStable))
            );
            return new OffsetFetchResponse { Groups = [.. groups] };
        }
        OffsetFetchResponse.OffsetFetchResponseGroup single = await FetchGroupAsync(
            from,
            caller,
            SingleGroup(request),
            request.RequireStable
        );
        List<OffsetFetchResponse.OffsetFetchResponseTopic> topics = [];
        foreach (OffsetFetchResponse.OffsetFetchResponseTopics topic in single.Topics)
        {
            topics.Add(
                new OffsetFetchResponse.OffsetFetchResponseTopic
                {
                    Name = topic.Name,
                    Partitions =
                    [
                        .. topic.Partitions.Select(p => new OffsetFetchResponse.OffsetFetchResponsePartition
                        {
                            PartitionIndex = p.PartitionIndex,
                            CommittedOffset = p.CommittedOffset,
                            CommittedLeaderEpoch = p.CommittedLeaderEpoch,
                            Metadata = p.Metadata,
                            ErrorCode = p.ErrorCode,
                        }),
                    ],
                }
            );
        }
        return new OffsetFetchResponse
        {
            Topics = [.. topics],
            ErrorCode = caller.ApiVersion >= 2 ? single.ErrorCode : (short)ErrorCode.None,
        };
    }

    private Task<OffsetFetchResponse.OffsetFetchResponseGroup> FetchGroupAsync(
        Core from,
        GroupCaller caller,
        OffsetFetchRequest.OffsetFetchRequestGroup group,
        bool requireStable
    ) =>
        OnShardAsync(
            from,
            group.GroupId,
            shard => Task.FromResult(shard.OffsetRequests.Fetch(caller, group, requireStable)),
            error => UnavailableGroup(caller, group, error),
            allowEmptyGroup: true
        );

    /// <summary>Version 1 has no error for the group: each partition carries it.</summary>
    private static OffsetFetchResponse.OffsetFetchResponseGroup UnavailableGroup(
        GroupCaller caller,
        OffsetFetchRequest.OffsetFetchRequestGroup group,
        ErrorCode error
    ) =>
        new()
        {
            GroupId = group.GroupId,
            ErrorCode = (short)error,
            Topics =
                caller.ApiVersion >= 2
                    ? []
                    :
                    [
                        .. (group.Topics ?? []).Select(topic => new OffsetFetchResponse.OffsetFetchResponseTopics
                        {
                            Name = topic.Name,
                            Partitions =
                            [
                                .. topic.PartitionIndexes.Select(
                                    partition => new OffsetFetchResponse.OffsetFetchResponsePartitions
                                    {
                                        PartitionIndex = partition,
                                        CommittedOffset = -1,
                                        CommittedLeaderEpoch = -1,
                                        Metadata = "",
                                        ErrorCode = (short)error,
                                    }
                                ),
                            ],
                        }),
                    ],
        };

    private static OffsetFetchRequest.OffsetFetchRequestGroup SingleGroup(OffsetFetchRequest request) =>
        new()
        {
            GroupId = request.GroupId,
            Topics = request.Topics is null
                ? null
                :
                [
                    .. request.Topics.Select(topic => new OffsetFetchRequest.OffsetFetchRequestTopics
                    {
                        Name = topic.Name,
                        PartitionIndexes = topic.PartitionIndexes,
                    }),
                ],
        };

    public Task<OffsetDeleteResponse> OffsetDeleteAsync(Core from, GroupCaller caller, OffsetDeleteRequest request) =>
        OnShardAsync(
            from,
            request.GroupId,
            shard => shard.OffsetRequests.DeleteAsync(request),
            error => new OffsetDeleteResponse { ErrorCode = (short)error }
        );

    public async Task<DescribeGroupsResponse> DescribeGroupsAsync(
        Core from,
        GroupCaller caller,
        DescribeGroupsRequest request
    )
    {
        DescribeGroupsResponse.DescribedGroup[] groups = await CoreTasks.AllAsync(
            request.Groups.Select(groupId =>
                OnShardAsync(
                    from,
                    groupId,
                    shard => Task.FromResult(shard.Admin.Describe(caller, groupId)),
                    error => new DescribeGroupsResponse.DescribedGroup { GroupId = groupId, ErrorCode = (short)error },
                    allowEmptyGroup: true
                )
            )
        );
        return new DescribeGroupsResponse { Groups = [.. groups] };
    }

    /// <summary>All groups of this broker. While a shard still loads the list would be a lie, so the error says so.</summary>
    public async Task<ListGroupsResponse> ListGroupsAsync(Core from, GroupCaller caller, ListGroupsRequest request)
    {
        List<ListGroupsResponse.ListedGroup> listed = [];
        ErrorCode error = ErrorCode.None;
        foreach (Core core in from.Peers)
        {
            (ErrorCode coreError, List<ListGroupsResponse.ListedGroup> groups) = await from.CallAsync(
                core.Index,
                owner =>
                {
                    List<ListGroupsResponse.ListedGroup> found = [];
                    ErrorCode unavailable = ErrorCode.None;
                    foreach (GroupShard shard in ShardFront<GroupShard>.Of(owner))
                    {
                        if (shard.Availability == ErrorCode.CoordinatorLoadInProgress)
                        {
                            unavailable = shard.Availability;
                        }
                        else if (shard.Availability == ErrorCode.None)
                        {
                            found.AddRange(shard.Admin.List([.. request.StatesFilter], [.. request.TypesFilter]));
                        }
                    }
                    return ValueTask.FromResult((unavailable, found));
                }
            );
            error = coreError == ErrorCode.None ? error : coreError;
            listed.AddRange(groups);
        }
        return new ListGroupsResponse { ErrorCode = (short)error, Groups = error == ErrorCode.None ? listed : [] };
    }

    public async Task<DeleteGroupsResponse> DeleteGroupsAsync(
        Core from,
        GroupCaller caller,
        DeleteGroupsRequest request
    )
    {
        DeleteGroupsResponse.DeletableGroupResult[] results = await CoreTasks.AllAsync(
            request
                .GroupsNames.Distinct()
                .Select(groupId =>
                    OnShardAsync(
                        from,
                        groupId,
                        shard => shard.Admin.DeleteAsync(groupId),
                        error => new DeleteGroupsResponse.DeletableGroupResult
                        {
                            GroupId = groupId,
                            ErrorCode = (short)error,
                        },
                        allowEmptyGroup: true
                    )
                )
        );
        return new DeleteGroupsResponse { Results = [.. results] };
    }

    /// <summary>Runs the work on the core of the group's shard, or refuses while there is none that can answer.</summary>
    internal Task<T> OnShardAsync<T>(
        Core from,
        string groupId,
        Func<GroupShard, Task<T>> work,
        Func<ErrorCode, T> refuse,
        bool allowEmptyGroup = false
    ) =>
        groupId.Length == 0 && !allowEmptyGroup
            ? Task.FromResult(refuse(ErrorCode.InvalidGroupId))
            : _shards.CallAsync(from, groupId, work, refuse);
}
