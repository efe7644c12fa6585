using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Answered = Aot.Broker.Protocol.Messages.DescribeConfigsResponse.DescribeConfigsResult;
using Asked = Aot.Broker.Protocol.Messages.DescribeConfigsRequest.DescribeConfigsResource;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeConfigs (32): the settings of topics, brokers, groups and client metrics, with where each comes from.</summary>
internal sealed class DescribeConfigsHandler(ServerCore server)
    : ControlHandler<DescribeConfigsRequest, DescribeConfigsResponse>(server, DescribeConfigsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.DescribeConfigs;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override ValueTask<DescribeConfigsResponse> HandleAsync(
        RequestContext context,
        DescribeConfigsRequest request
    )
    {
        DescribeConfigsResponse response = new();
        foreach (Asked asked in request.Resources)
        {
            Answered answered = new()
            {
                ResourceType = asked.ResourceType,
                ResourceName = asked.ResourceName,
                ErrorMessage = null,
            };
            (ErrorCode error, string? message, IReadOnlyList<DescribedConfig> configs) = Describe(context, asked);
            answered.ErrorCode = (short)error;
            answered.ErrorMessage = message;
            foreach (DescribedConfig config in configs)
            {
                if (asked.ConfigurationKeys is null || asked.ConfigurationKeys.Contains(config.Name))
                {
                    answered.Configs.Add(Entry(config, request.IncludeSynonyms));
                }
            }
            response.Results.Add(answered);
        }
        return ValueTask.FromResult(response);
    }

    private (ErrorCode Error, string? Message, IReadOnlyList<DescribedConfig> Configs) Describe(
        RequestContext context,
        Asked asked
    )
    {
        MetadataImage image = context.Image;
        int nodeId = Server.Options.NodeId;
        ConfigValues broker = BrokerSettings.Of(image, nodeId, Server.Server.StartedWith);
        IReadOnlyDictionary<string, string> given = image.Configs.Of(
            new ConfigResource((ConfigResourceKind)asked.ResourceType, asked.ResourceName)
        );
        switch ((ConfigResourceKind)asked.ResourceType)
        {
            case ConfigResourceKind.Topic when Cluster.TopicNames.Problem(asked.ResourceName) is { } problem:
                return (ErrorCode.InvalidTopicException, problem, []);
            case ConfigResourceKind.Topic when image.Topic(asked.ResourceName) is null:
                return (ErrorCode.UnknownTopicOrPartition, null, []);
            case ConfigResourceKind.Topic:
                return (ErrorCode.None, null, ConfigDescriber.Topic(broker, given));
            case ConfigResourceKind.Broker when asked.ResourceName.Length == 0:
                return (ErrorCode.None, null, ConfigDescriber.ClusterDefault(broker));
            case ConfigResourceKind.Broker when asked.ResourceName == nodeId.ToString():
                return (ErrorCode.None, null, ConfigDescriber.Broker(broker));
            case ConfigResourceKind.Broker:
                return (
                    ErrorCode.InvalidRequest,
                    $"Unexpected broker id, expected {nodeId} or empty string, but received {asked.ResourceName}",
                    []
                );
            case ConfigResourceKind.BrokerLogger:
                return (ErrorCode.None, null, []);
            case ConfigResourceKind.ClientMetrics when asked.ResourceName.Length == 0:
                return (ErrorCode.InvalidRequest, "Client metrics subscription name must not be empty", []);
            case ConfigResourceKind.ClientMetrics:
                return (ErrorCode.None, null, ConfigDescriber.ClientMetrics(given));
            case ConfigResourceKind.Group when asked.ResourceName.Length == 0:
                return (ErrorCode.InvalidRequest, "Group name must not be empty", []);
            case ConfigResourceKind.Group:
                return (ErrorCode.None, null, ConfigDescriber.Group(broker, given));
            default:
                return (ErrorCode.InvalidRequest, $"Unsupported resource type: {asked.ResourceType}", []);
        }
    }

    private static DescribeConfigsResponse.DescribeConfigsResourceResult Entry(DescribedConfig config, bool synonyms) =>
        new()
        {
            Name = config.Name,
            Value = config.IsSensitive ? null : config.Value,
            ReadOnly = config.IsReadOnly,
            ConfigSource = (sbyte)config.Source,
            IsSensitive = config.IsSensitive,
            ConfigType = (sbyte)config.Type,
            Documentation = null,
            Synonyms = synonyms
                ?
                [
                    .. config.Synonyms.Select(place => new DescribeConfigsResponse.DescribeConfigsSynonym
                    {
                        Name = place.Name,
                        Value = config.IsSensitive ? null : place.Value,
                        Source = (sbyte)place.Source,
                    }),
                ]
                : [],
        };
}
