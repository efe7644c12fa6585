using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>InitializeShareGroupState (83): a group coordinator begins the state of share partitions.</summary>
internal sealed class InitializeShareGroupStateHandler(ServerCore server, ShareStateCoordinator states)
    : ControlHandler<InitializeShareGroupStateRequest, InitializeShareGroupStateResponse>(
        server,
        InitializeShareGroupStateRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.InitializeShareGroupState;

    protected override async ValueTask<InitializeShareGroupStateResponse> HandleAsync(
        RequestContext context,
        InitializeShareGroupStateRequest request
    )
    {
        InitializeShareGroupStateResponse response = new();
        if (request.GroupId.Length == 0)
        {
            return response;
        }
        foreach (InitializeShareGroupStateRequest.InitializeStateData topic in request.Topics)
        {
            if (topic.Partitions.Count == 0)
            {
                continue;
            }
            InitializeShareGroupStateResponse.InitializeStateResult result = new() { TopicId = topic.TopicId };
            foreach (InitializeShareGroupStateRequest.PartitionData asked in topic.Partitions)
            {
                ShareStateKey key = new(request.GroupId, topic.TopicId, asked.Partition);
                ApiError refusal = await states.InitializeAsync(context.Core, key, asked.StateEpoch, asked.StartOffset);
                result.Partitions.Add(
                    new InitializeShareGroupStateResponse.PartitionResult
                    {
                        Partition = asked.Partition,
                        ErrorCode = (short)refusal.Code,
                        ErrorMessage = refusal.Message,
                    }
                );
            }
            response.Results.Add(result);
        }
        return response;
    }
}
