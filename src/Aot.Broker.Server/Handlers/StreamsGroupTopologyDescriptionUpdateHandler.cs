using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// StreamsGroupTopologyDescriptionUpdate (93): descriptions are kept by a plug-in of Apache Kafka's broker, which this one
/// has not; it answers as that one without the plug-in. No member is asked for one.
/// </summary>
internal sealed class StreamsGroupTopologyDescriptionUpdateHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<StreamsGroupTopologyDescriptionUpdateRequest, StreamsGroupTopologyDescriptionUpdateResponse>(
        server,
        StreamsGroupTopologyDescriptionUpdateRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.StreamsGroupTopologyDescriptionUpdate;

    protected override ValueTask<StreamsGroupTopologyDescriptionUpdateResponse> HandleAsync(
        RequestContext context,
        StreamsGroupTopologyDescriptionUpdateRequest request
    ) =>
        ValueTask.FromResult(
            new StreamsGroupTopologyDescriptionUpdateResponse
            {
                ErrorCode = (short)ErrorCode.UnsupportedVersion,
                ErrorMessage = groups.ServesStreamsGroups(context.Image)
                    ? "The broker has no streams group topology description plugin configured."
                    : null,
            }
        );
}
