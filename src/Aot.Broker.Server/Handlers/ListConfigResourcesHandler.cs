using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// ListConfigResources (74): the things that have settings. Version 0 knows only client metrics; from version 1 an empty list
/// of types asks for all.
/// </summary>
internal sealed class ListConfigResourcesHandler(ServerCore server)
    : ControlHandler<ListConfigResourcesRequest, ListConfigResourcesResponse>(
        server,
        ListConfigResourcesRequest.TryRead
    )
{
    private static readonly ConfigResourceKind[] s_types =
    [
        ConfigResourceKind.Topic,
        ConfigResourceKind.Broker,
        ConfigResourceKind.BrokerLogger,
        ConfigResourceKind.ClientMetrics,
        ConfigResourceKind.Group,
    ];

    public override ApiKey Key => ApiKey.ListConfigResources;

    protected override ValueTask<ListConfigResourcesResponse> HandleAsync(
        RequestContext context,
        ListConfigResourcesRequest request
    ) => ValueTask.FromResult(Make(context, request));

    private static ListConfigResourcesResponse Make(RequestContext context, ListConfigResourcesRequest request)
    {
        ListConfigResourcesResponse response = new();
        HashSet<ConfigResourceKind> types =
            context.Version == 0 ? [ConfigResourceKind.ClientMetrics]
            : request.ResourceTypes.Count == 0 ? [.. s_types]
            : [.. request.ResourceTypes.Select(type => (ConfigResourceKind)type)];
        if (!types.IsSubsetOf(s_types))
        {
            response.ErrorCode = (short)ErrorCode.UnsupportedVersion;
            return response;
        }
        foreach (ConfigResourceKind type in s_types)
        {
            if (types.Contains(type))
            {
                foreach (string name in Names(context.Image, type))
                {
                    response.ConfigResources.Add(
                        new ListConfigResourcesResponse.ConfigResource
                        {
                            ResourceName = name,
                            ResourceType = (sbyte)type,
                        }
                    );
                }
            }
        }
        return response;
    }

    private static IEnumerable<string> Names(MetadataImage image, ConfigResourceKind type) =>
        type switch
        {
            ConfigResourceKind.Topic => image.Topics.Select(topic => topic.Name),
            ConfigResourceKind.Broker or ConfigResourceKind.BrokerLogger => image
                .Brokers.Where(broker => !broker.Fenced)
                .Select(broker => broker.Id.ToString()),
            _ => image
                .Configs.Resources.Keys.Where(resource => resource.Type == type)
                .Select(resource => resource.Name),
        };
}
