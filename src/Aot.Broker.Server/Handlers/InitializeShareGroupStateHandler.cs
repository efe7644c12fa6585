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
        foreach (InitializeShareGroupStateRequest.InitializeStateData topic in request.Topics)
        {
            InitializeShareGroupStateResponse.InitializeStateResult result = new() { TopicId = topic.TopicId };
            foreach (InitializeShareGroupStateRequest.PartitionData asked in topic.Partitions)
            {
                ShareStateKey key = new(request.GroupId, topic.TopicId, asked.Partition);
                ErrorCode error = await states.InitializeAsync(context.Core, key, asked.StateEpoch, asked.StartOffset);
                result.Partitions.Add(
                    new InitializeShareGroupStateResponse.PartitionResult
                    {
                        Partition = asked.Partition,
                        ErrorCode = (short)error,
                    }
                );
            }
            response.Results.Add(result);
        }
        return response;
    }
}
