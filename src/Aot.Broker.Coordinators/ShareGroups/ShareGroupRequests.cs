using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using DescribedOffsets = Aot.Broker.Protocol.Messages.DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>The requests about share groups, each brought to the core of its group. May be called from every core.</summary>
public readonly record struct ShareGroupRequests(GroupCoordinator Groups)
{
    /// <summary>The cluster's <c>share.version</c> has to allow share groups (KIP-932).</summary>
    public static bool AreServed(MetadataImage image) => image.Features.Level(Features.ShareVersion) > 0;

    public Task<ShareGroupHeartbeatResponse> HeartbeatAsync(
        Core from,
        GroupCaller caller,
        ShareGroupHeartbeatRequest request
    ) =>
        Groups.OnShardAsync(
            from,
            request.GroupId,
            shard => shard.Shares.HeartbeatAsync(caller, request),
            error => new ShareGroupHeartbeatResponse { ErrorCode = (short)error },
            allowEmptyGroup: true
        );

    public async Task<ShareGroupDescribeResponse> DescribeAsync(Core from, ShareGroupDescribeRequest request)
    {
        List<Task<ShareGroupDescribeResponse.DescribedGroup>> groups = [];
        foreach (string groupId in request.GroupIds)
        {
            groups.Add(
                Groups.OnShardAsync(
                    from,
                    groupId,
                    shard => Task.FromResult(ShareDescription.Of(shard, groupId)),
                    error => new ShareGroupDescribeResponse.DescribedGroup
                    {
                        GroupId = groupId,
                        ErrorCode = (short)error,
                    }
                )
            );
        }
        return new ShareGroupDescribeResponse { Groups = [.. await CoreTasks.AllAsync(groups)] };
    }

    public async Task<DescribeShareGroupOffsetsResponse> DescribeOffsetsAsync(
        Core from,
        DescribeShareGroupOffsetsRequest request
    )
    {
        List<Task<DescribedOffsets>> groups = [];
        foreach (DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup group in request.Groups)
        {
            groups.Add(
                Groups.OnShardAsync(
                    from,
                    group.GroupId,
                    shard => shard.ShareOffsets.DescribeAsync(group),
                    error => new DescribedOffsets { GroupId = group.GroupId, ErrorCode = (short)error }
                )
            );
        }
        return new DescribeShareGroupOffsetsResponse { Groups = [.. await CoreTasks.AllAsync(groups)] };
    }

    public Task<AlterShareGroupOffsetsResponse> AlterOffsetsAsync(Core from, AlterShareGroupOffsetsRequest request) =>
        Groups.OnShardAsync(
            from,
            request.GroupId,
            shard => shard.ShareOffsets.AlterAsync(request),
            error => new AlterShareGroupOffsetsResponse { ErrorCode = (short)error }
        );

    public Task<DeleteShareGroupOffsetsResponse> DeleteOffsetsAsync(
        Core from,
        DeleteShareGroupOffsetsRequest request
    ) =>
        Groups.OnShardAsync(
            from,
            request.GroupId,
            shard => shard.ShareOffsets.DeleteAsync(request),
            error => new DeleteShareGroupOffsetsResponse { ErrorCode = (short)error }
        );
}
