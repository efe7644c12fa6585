using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Server.Share;

namespace Aot.Broker.Server.Handlers;

/// <summary>ShareAcknowledge (79), KIP-932: what became of records that a member holds.</summary>
internal sealed class ShareAcknowledgeHandler(ServerCore server)
    : ControlHandler<ShareAcknowledgeRequest, ShareAcknowledgeResponse>(server, ShareAcknowledgeRequest.TryRead)
{
    private const short FirstWithRenewal = 2;

    public override ApiKey Key => ApiKey.ShareAcknowledge;

    protected override async ValueTask<ShareAcknowledgeResponse> HandleAsync(
        RequestContext context,
        ShareAcknowledgeRequest request
    )
    {
        ErrorCode error = ShareMembers.Check(
            context.Image,
            request.GroupId,
            request.MemberId,
            out ShareSessionKey member,
            out string? message
        );
        ShareSession? session = null;
        if (error == ErrorCode.None)
        {
            error = UseSession(member, request.ShareSessionEpoch, out session);
        }
        if (error != ErrorCode.None)
        {
            return new ShareAcknowledgeResponse { ErrorCode = (short)error, ErrorMessage = message };
        }
        List<ShareAcknowledgement> all = Read(request);
        await ShareCalls.AcknowledgeAsync(
            Server,
            member,
            all,
            context.Version >= FirstWithRenewal && request.IsRenewAck
        );
        if (request.ShareSessionEpoch == ShareSession.FinalEpoch)
        {
            _ = Server.ShareSessions.CloseAsync(session!);
        }
        return Answer(context, request, all);
    }

    private ErrorCode UseSession(ShareSessionKey member, int epoch, out ShareSession? session)
    {
        session = Server.ShareSessions.Find(member);
        return epoch switch
        {
            // Only a fetch opens a session.
            ShareSession.InitialEpoch => ErrorCode.InvalidShareSessionEpoch,
            ShareSession.FinalEpoch => session is null ? ErrorCode.ShareSessionNotFound : ErrorCode.None,
            _ => Server.ShareSessions.TryUse(member, epoch, out session),
        };
    }

    private static List<ShareAcknowledgement> Read(ShareAcknowledgeRequest request)
    {
        List<ShareAcknowledgement> all = [];
        foreach (ShareAcknowledgeRequest.AcknowledgeTopic topic in request.Topics)
        {
            foreach (ShareAcknowledgeRequest.AcknowledgePartition partition in topic.Partitions)
            {
                ShareAcknowledgement one = new(new SharePlace(topic.TopicId, partition.PartitionIndex));
                foreach (ShareAcknowledgeRequest.AcknowledgementBatch batch in partition.AcknowledgementBatches)
                {
                    one.Batches.Add(new AcknowledgedBatch(batch.FirstOffset, batch.LastOffset, batch.AcknowledgeTypes));
                }
                all.Add(one);
            }
        }
        return all;
    }

    private ShareAcknowledgeResponse Answer(
        RequestContext context,
        ShareAcknowledgeRequest request,
        List<ShareAcknowledgement> all
    )
    {
        ShareAcknowledgeResponse response = new()
        {
            AcquisitionLockTimeoutMs = Server.SharePartitions!.Limits(request.GroupId!).LockDurationMillis,
        };
        bool tellsLeaders = false;
        int next = 0;
        foreach (ShareAcknowledgeRequest.AcknowledgeTopic topic in request.Topics)
        {
            ShareAcknowledgeResponse.ShareAcknowledgeTopicResponse answered = new() { TopicId = topic.TopicId };
            for (int i = 0; i < topic.Partitions.Count; i++)
            {
                ShareAcknowledgement one = all[next++];
                ShareAcknowledgeResponse.PartitionData data = new()
                {
                    PartitionIndex = one.Place.Partition,
                    ErrorCode = (short)one.Error,
                };
                if (
                    one.Error == ErrorCode.NotLeaderOrFollower
                    && context.Image.Topic(topic.TopicId)?.Partition(one.Place.Partition) is { } partition
                )
                {
                    data.CurrentLeader.LeaderId = partition.Leader;
                    data.CurrentLeader.LeaderEpoch = partition.LeaderEpoch;
                    tellsLeaders = true;
                }
                answered.Partitions.Add(data);
            }
            response.Responses.Add(answered);
        }
        if (tellsLeaders)
        {
            foreach (NodeAddress node in NodeAddresses.Alive(context.Image, context.Connection))
            {
                response.NodeEndpoints.Add(
                    new ShareAcknowledgeResponse.NodeEndpoint
                    {
                        NodeId = node.Id,
                        Host = node.Host,
                        Port = node.Port,
                        Rack = node.Rack,
                    }
                );
            }
        }
        return response;
    }
}
