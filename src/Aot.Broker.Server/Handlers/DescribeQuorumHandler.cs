using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeQuorum (55): leader, voters and observers of the metadata log. Here one node is all of it.</summary>
internal sealed class DescribeQuorumHandler(ServerCore server)
    : ControlHandler<DescribeQuorumRequest, DescribeQuorumResponse>(server, DescribeQuorumRequest.TryRead)
{
    private const short FirstWithDirectories = 2;

    public override ApiKey Key => ApiKey.DescribeQuorum;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override ValueTask<DescribeQuorumResponse> HandleAsync(
        RequestContext context,
        DescribeQuorumRequest request
    )
    {
        DescribeQuorumResponse response = new() { ErrorMessage = null };
        foreach (DescribeQuorumRequest.TopicData topic in request.Topics)
        {
            response.Topics.Add(
                new DescribeQuorumResponse.TopicData
                {
                    TopicName = topic.TopicName,
                    Partitions = [.. topic.Partitions.Select(partition => Describe(context, topic, partition))],
                }
            );
        }
        if (context.Version >= FirstWithDirectories)
        {
            AddNodes(context, response);
        }
        return ValueTask.FromResult(response);
    }

    private DescribeQuorumResponse.PartitionData Describe(
        RequestContext context,
        DescribeQuorumRequest.TopicData topic,
        DescribeQuorumRequest.PartitionData partition
    )
    {
        DescribeQuorumResponse.PartitionData described = new()
        {
            PartitionIndex = partition.PartitionIndex,
            ErrorMessage = null,
        };
        if (topic.TopicName != TopicImage.ClusterMetadataTopic || partition.PartitionIndex != 0)
        {
            described.ErrorCode = (short)ErrorCode.UnknownTopicOrPartition;
            return described;
        }
        MetadataImage image = context.Image;
        int node = Server.Options.NodeId;
        KafkaUuid directory = image.Voters.FirstOrDefault(voter => voter.Id == node)?.DirectoryId ?? default;
        described.LeaderId = image.ControllerId;
        described.LeaderEpoch = image.Epoch;
        described.HighWatermark = image.Offset + 1;
        described.CurrentVoters.Add(
            new DescribeQuorumResponse.ReplicaState
            {
                ReplicaId = node,
                ReplicaDirectoryId = context.Version >= FirstWithDirectories ? directory : default,
                LogEndOffset = image.Offset + 1,
                LastFetchTimestamp = context.Core.WallMillis,
                LastCaughtUpTimestamp = context.Core.WallMillis,
            }
        );
        return described;
    }

    private void AddNodes(RequestContext context, DescribeQuorumResponse response)
    {
        DescribeQuorumResponse.Node node = new() { NodeId = Server.Options.NodeId };
        foreach (BoundListener listener in Server.Server.Listeners)
        {
            if (listener.Options.Role == ListenerRole.Controller)
            {
                node.Listeners.Add(
                    new DescribeQuorumResponse.Listener
                    {
                        Name = listener.Options.Name,
                        Host = NodeAddresses.Text(listener.EndPoint.Address),
                        Port = (ushort)listener.EndPoint.Port,
                    }
                );
            }
        }
        response.Nodes.Add(node);
    }
}
