using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// Metadata (3): brokers and topics as clients of this listener see them. A topic that is missing and may be created is
/// begun in the background; the answer says that it is unknown, and the client asks again, as with Apache Kafka.
/// </summary>
internal sealed class MetadataHandler(ServerCore server)
    : ControlHandler<MetadataRequest, MetadataResponse>(server, MetadataRequest.TryRead)
{
    private const short FirstWithNullForAll = 1;
    private const short FirstWithListenerNotFound = 6;

    public override ApiKey Key => ApiKey.Metadata;

    protected override ValueTask<MetadataResponse> HandleAsync(RequestContext context, MetadataRequest request) =>
        ValueTask.FromResult(Make(context, request));

    private MetadataResponse Make(RequestContext context, MetadataRequest request)
    {
        MetadataImage image = context.Image;
        MetadataResponse response = new() { ClusterId = image.ClusterId };
        HashSet<int> alive = [];
        foreach (NodeAddress node in NodeAddresses.Alive(image, context.Connection))
        {
            alive.Add(node.Id);
            response.Brokers.Add(
                new MetadataResponse.MetadataResponseBroker
                {
                    NodeId = node.Id,
                    Host = node.Host,
                    Port = node.Port,
                    Rack = node.Rack,
                }
            );
        }
        // Any broker takes administrative requests, so one of them stands for the controller.
        response.ControllerId =
            response.Brokers.Count == 0
                ? -1
                : response.Brokers[(int)(context.Core.NextRandom() % (ulong)response.Brokers.Count)].NodeId;
        if (request.IncludeClusterAuthorizedOperations)
        {
            response.ClusterAuthorizedOperations = AuthorizedOperations.Cluster;
        }
        AddTopics(context, request, response, alive);
        return response;
    }

    private void AddTopics(
        RequestContext context,
        MetadataRequest request,
        MetadataResponse response,
        HashSet<int> alive
    )
    {
        bool all = request.Topics is null || (context.Version < FirstWithNullForAll && request.Topics.Count == 0);
        if (all)
        {
            foreach (TopicImage topic in context.Image.Topics)
            {
                response.Topics.Add(Describe(context, request, topic, alive));
            }
            return;
        }
        HashSet<string> seen = [];
        foreach (MetadataRequest.MetadataRequestTopic asked in request.Topics!)
        {
            if (asked.Name is null || !asked.TopicId.IsZero)
            {
                response.Topics.Add(ById(context, request, asked, alive));
            }
            else if (seen.Add(asked.Name))
            {
                TopicImage? topic = context.Image.Topic(asked.Name);
                response.Topics.Add(
                    topic is null ? Missing(context, request, asked.Name) : Describe(context, request, topic, alive)
                );
            }
        }
    }

    private static MetadataResponse.MetadataResponseTopic ById(
        RequestContext context,
        MetadataRequest request,
        MetadataRequest.MetadataRequestTopic asked,
        HashSet<int> alive
    )
    {
        if (context.Image.Topic(asked.TopicId) is { } topic)
        {
            return Describe(context, request, topic, alive);
        }
        return new MetadataResponse.MetadataResponseTopic
        {
            ErrorCode = (short)ErrorCode.UnknownTopicId,
            Name = context.Version >= 12 ? null : "",
            TopicId = asked.TopicId,
        };
    }

    private MetadataResponse.MetadataResponseTopic Missing(RequestContext context, MetadataRequest request, string name)
    {
        ErrorCode error = ErrorCode.UnknownTopicOrPartition;
        if (Cluster.TopicNames.Problem(name) is not null)
        {
            error = ErrorCode.InvalidTopicException;
        }
        else if (request.AllowAutoTopicCreation && Server.Options.AutoCreateTopics)
        {
            error = Server.TopicCreation.Begin(name);
        }
        return new MetadataResponse.MetadataResponseTopic
        {
            ErrorCode = (short)error,
            Name = name,
            IsInternal = TopicImage.IsInternalName(name),
        };
    }

    private static MetadataResponse.MetadataResponseTopic Describe(
        RequestContext context,
        MetadataRequest request,
        TopicImage topic,
        HashSet<int> alive
    )
    {
        MetadataResponse.MetadataResponseTopic described = new()
        {
            Name = topic.Name,
            TopicId = topic.Id,
            IsInternal = topic.IsInternal,
        };
        if (request.IncludeTopicAuthorizedOperations)
        {
            described.TopicAuthorizedOperations = AuthorizedOperations.Topic;
        }
        for (int i = 0; i < topic.Partitions.Length; i++)
        {
            described.Partitions.Add(Describe(context, topic.Partitions[i], i, alive));
        }
        return described;
    }

    private static MetadataResponse.MetadataResponsePartition Describe(
        RequestContext context,
        PartitionImage partition,
        int index,
        HashSet<int> alive
    )
    {
        ErrorCode error = ErrorCode.None;
        if (partition.Leader < 0)
        {
            error = ErrorCode.LeaderNotAvailable;
        }
        else if (!alive.Contains(partition.Leader))
        {
            error =
                context.Version >= FirstWithListenerNotFound
                    ? ErrorCode.ListenerNotFound
                    : ErrorCode.LeaderNotAvailable;
        }
        return new MetadataResponse.MetadataResponsePartition
        {
            ErrorCode = (short)error,
            PartitionIndex = index,
            LeaderId = error == ErrorCode.None ? partition.Leader : -1,
            LeaderEpoch = partition.LeaderEpoch,
            ReplicaNodes = [.. partition.Replicas],
            IsrNodes = [.. partition.Isr],
            OfflineReplicas = partition.OfflineReplicas(context.Image),
        };
    }
}
