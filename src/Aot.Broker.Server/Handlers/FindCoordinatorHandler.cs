using Aot.Broker.Cluster;
using Aot.Broker.Coordinators;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// FindCoordinator (10): the leader of the partition that the state of a group, a transactional id or a share partition
/// lives in. The topic of that state is created when it is first asked for.
/// </summary>
internal sealed class FindCoordinatorHandler(ServerCore server)
    : ControlHandler<FindCoordinatorRequest, FindCoordinatorResponse>(server, FindCoordinatorRequest.TryRead)
{
    private const short FirstWithBatches = 4;
    private const short FirstWithShare = 6;
    private const sbyte Group = 0;
    private const sbyte Transaction = 1;
    private const sbyte Share = 2;

    public override ApiKey Key => ApiKey.FindCoordinator;

    protected override ValueTask<FindCoordinatorResponse> HandleAsync(
        RequestContext context,
        FindCoordinatorRequest request
    ) => ValueTask.FromResult(Make(context, request));

    private FindCoordinatorResponse Make(RequestContext context, FindCoordinatorRequest request)
    {
        if (context.Version < FirstWithBatches)
        {
            FindCoordinatorResponse.Coordinator one = Find(context, request.KeyType, request.Key);
            return new FindCoordinatorResponse
            {
                ErrorCode = one.ErrorCode,
                ErrorMessage = one.ErrorMessage,
                NodeId = one.NodeId,
                Host = one.Host,
                Port = one.Port,
            };
        }
        return new FindCoordinatorResponse
        {
            Coordinators = [.. request.CoordinatorKeys.Select(key => Find(context, request.KeyType, key))],
        };
    }

    private FindCoordinatorResponse.Coordinator Find(RequestContext context, sbyte keyType, string key)
    {
        if (keyType == Share && (context.Version < FirstWithShare || !ShareStateKey.TryParse(key, out _)))
        {
            return Refuse(key, ErrorCode.InvalidRequest);
        }
        string? name = keyType switch
        {
            Group when Server.Server.Groups is not null => TopicImage.GroupMetadataTopic,
            Transaction when Server.Server.Transactions is not null => TopicImage.TransactionStateTopic,
            Share when Server.Server.ShareStates is not null => TopicImage.ShareStateTopic,
            _ => null,
        };
        if (name is null)
        {
            return keyType is Group or Transaction or Share
                ? Refuse(key, ErrorCode.CoordinatorNotAvailable)
                : Refuse(key, ErrorCode.InvalidRequest);
        }
        TopicImage? topic = context.Image.Topic(name);
        if (topic is null)
        {
            Server.TopicCreation.Begin(name);
            return Refuse(key, ErrorCode.CoordinatorNotAvailable);
        }
        int partition = CoordinatorPartition.Of(key, topic.Partitions.Length);
        int leader = topic.Partitions[partition].Leader;
        if (
            context.Image.Broker(leader) is not { Fenced: false } broker
            || NodeAddresses.Of(broker, context.Connection) is not { } address
        )
        {
            return Refuse(key, ErrorCode.CoordinatorNotAvailable);
        }
        return new FindCoordinatorResponse.Coordinator
        {
            Key = key,
            NodeId = address.Id,
            Host = address.Host,
            Port = address.Port,
        };
    }

    private static FindCoordinatorResponse.Coordinator Refuse(string key, ErrorCode error) =>
        new()
        {
            Key = key,
            ErrorCode = (short)error,
            NodeId = -1,
            Port = -1,
        };
}
