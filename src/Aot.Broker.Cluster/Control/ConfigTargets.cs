using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;

namespace Aot.Broker.Cluster;

/// <summary>Which resources have run-time settings, and which settings those can be.</summary>
internal static class ConfigTargets
{
    public static ApiError Check(MetadataImage image, ControlFacts facts, ConfigResource resource)
    {
        switch (resource.Type)
        {
            case ConfigResourceKind.Topic:
                if (resource.Name.Length == 0)
                {
                    return new ApiError(ErrorCode.InvalidRequest, "Default topic resources are not allowed.");
                }
                if (TopicNames.Problem(resource.Name) is { } problem)
                {
                    return new ApiError(ErrorCode.InvalidTopicException, problem);
                }
                return image.Topic(resource.Name) is null
                    ? new ApiError(ErrorCode.UnknownTopicOrPartition, $"The topic '{resource.Name}' does not exist.")
                    : default;
            case ConfigResourceKind.Broker:
                return CheckBrokerName(facts.NodeId, resource.Name);
            case ConfigResourceKind.ClientMetrics:
                return resource.Name.Length == 0
                    ? new ApiError(ErrorCode.InvalidRequest, "Subscription name can't be empty")
                    : default;
            case ConfigResourceKind.Group:
                return resource.Name.Length == 0
                    ? new ApiError(ErrorCode.InvalidRequest, "Default group resources are not allowed.")
                    : default;
            case ConfigResourceKind.Unknown:
            case ConfigResourceKind.BrokerLogger:
            default:
                return new ApiError(ErrorCode.InvalidRequest, $"Unknown resource type {(sbyte)resource.Type}");
        }
    }

    /// <summary>The settings of one broker are changed through that broker.</summary>
    private static ApiError CheckBrokerName(int nodeId, string name)
    {
        if (name.Length == 0)
        {
            return default;
        }
        if (!int.TryParse(name, out int id))
        {
            return new ApiError(ErrorCode.InvalidRequest, $"Node id must be an integer, but it is: {name}");
        }
        return id == nodeId
            ? default
            : new ApiError(
                ErrorCode.InvalidRequest,
                $"Unexpected broker id, expected {nodeId} or empty string, but received {name}"
            );
    }

    public static ConfigTable TableOf(ConfigResourceKind kind) =>
        kind switch
        {
            ConfigResourceKind.Topic => ConfigTable.Topic,
            ConfigResourceKind.Group => ConfigTable.Group,
            ConfigResourceKind.ClientMetrics => ConfigTable.ClientMetrics,
            _ => ConfigTable.Broker,
        };
}
