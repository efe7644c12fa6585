using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// StreamsGroupHeartbeat (88), KIP-1071. Internal topics that the application lacks are begun to be made; the members hear
/// of them as missing until they are there, and of why a first attempt failed.
/// </summary>
internal sealed class StreamsGroupHeartbeatHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse>(
        server,
        StreamsGroupHeartbeatRequest.TryRead
    )
{
    private const int FailuresShown = 3;

    public override ApiKey Key => ApiKey.StreamsGroupHeartbeat;

    protected override async ValueTask<StreamsGroupHeartbeatResponse> HandleAsync(
        RequestContext context,
        StreamsGroupHeartbeatRequest request
    )
    {
        if (!groups.ServesStreamsGroups(context.Image))
        {
            return new StreamsGroupHeartbeatResponse { ErrorCode = (short)ErrorCode.UnsupportedVersion };
        }
        if (request.Topology is { } topology && CheckNames(topology) is { } wrong)
        {
            return new StreamsGroupHeartbeatResponse
            {
                ErrorCode = (short)ErrorCode.StreamsInvalidTopology,
                ErrorMessage = wrong,
            };
        }
        StreamsHeartbeatResult result = await groups.StreamsHeartbeatAsync(context.Core, context.Caller, request);
        if (result.MissingTopics.Count > 0)
        {
            CreateMissing(result);
        }
        return result.Response;
    }

    private static string? CheckNames(StreamsGroupHeartbeatRequest.TopologyData topology)
    {
        string[] names = [.. StreamsTopology.NamesIn(topology).Distinct()];
        string[] ofKafka = [.. names.Where(TopicImage.IsInternalName)];
        if (ofKafka.Length > 0)
        {
            return $"Use of Kafka internal topics {string.Join(',', ofKafka)} in a Kafka Streams topology is prohibited.";
        }
        string[] invalid = [.. names.Where(name => Cluster.TopicNames.Problem(name) is not null)];
        return invalid.Length > 0 ? $"Topic names {string.Join(',', invalid)} are not valid topic names." : null;
    }

    private void CreateMissing(StreamsHeartbeatResult result)
    {
        List<string> failures = [];
        foreach (CreateTopicsRequest.CreatableTopic topic in result.MissingTopics)
        {
            if (Server.TopicCreation.FailureOf(topic.Name) is { } failure)
            {
                failures.Add($"{topic.Name} ({failure})");
            }
            _ = Server.TopicCreation.WhenMadeAsync(topic);
        }
        StreamsGroupHeartbeatResponse.StatusData? status = result.Response.Status?.Find(one =>
            one.StatusCode == (sbyte)StreamsStatus.MissingInternalTopics
        );
        if (status is not null && failures.Count > 0)
        {
            string more = failures.Count > FailuresShown ? $" and {failures.Count - FailuresShown} more" : "";
            status.StatusDetail += $"; Creation failed: {string.Join(", ", failures.Take(FailuresShown))}{more}.";
        }
    }
}
