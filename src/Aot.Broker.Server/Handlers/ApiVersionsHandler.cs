using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// ApiVersions (18): what is registered on this core, and the features of the cluster. A version beyond ours is answered in
/// the form of version 0 with the range of this one API, so that a newer client can ask again.
/// </summary>
internal sealed class ApiVersionsHandler(ServerCore server)
    : ControlHandler<ApiVersionsRequest, ApiVersionsResponse>(server, ApiVersionsRequest.TryRead)
{
    /// <summary>Until this version a feature whose lowest level is 0 would be refused by Java clients (KAFKA-17492).</summary>
    private const short FirstWithLevelZero = 4;
    private const short FirstWithSoftware = 3;
    private const short FirstWithExpectedNode = 5;

    public override ApiKey Key => ApiKey.ApiVersions;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    public override void Start(RequestSlot slot)
    {
        if (slot.Version <= VersionMax)
        {
            base.Start(slot);
            return;
        }
        ApiVersionsResponse response = new()
        {
            ErrorCode = (short)ErrorCode.UnsupportedVersion,
            ApiKeys = [Entry(this)],
        };
        Answer(slot, Key, response, bodyVersion: 0);
    }

    protected override ValueTask<ApiVersionsResponse> HandleAsync(RequestContext context, ApiVersionsRequest request) =>
        ValueTask.FromResult(Make(context, request));

    private ApiVersionsResponse Make(RequestContext context, ApiVersionsRequest request)
    {
        MetadataImage image = context.Image;
        if (context.Version >= FirstWithSoftware)
        {
            if (!IsSoftwareWord(request.ClientSoftwareName) || !IsSoftwareWord(request.ClientSoftwareVersion))
            {
                return new ApiVersionsResponse { ErrorCode = (short)ErrorCode.InvalidRequest };
            }
            context.Connection.ClientSoftware = request.ClientSoftwareName + " " + request.ClientSoftwareVersion;
        }
        if (context.Version >= FirstWithExpectedNode && !IsExpectedNode(image, request))
        {
            return new ApiVersionsResponse { ErrorCode = (short)ErrorCode.RebootstrapRequired };
        }
        ApiVersionsResponse response = new() { FinalizedFeaturesEpoch = image.Offset };
        foreach (RequestHandler handler in Server.Handlers.All)
        {
            if ((handler.Roles & context.Role) != 0)
            {
                response.ApiKeys.Add(Entry(handler));
            }
        }
        AddFeatures(response, image, context.Version);
        return response;
    }

    private bool IsExpectedNode(MetadataImage image, ApiVersionsRequest request) =>
        (request.ClusterId is null || request.ClusterId == image.ClusterId)
        && (request.NodeId < 0 || request.NodeId == Server.Options.NodeId);

    private static void AddFeatures(ApiVersionsResponse response, MetadataImage image, short version)
    {
        foreach (FeatureRange feature in Features.Supported)
        {
            if (feature.Lowest > 0 || version >= FirstWithLevelZero)
            {
                response.SupportedFeatures.Add(
                    new ApiVersionsResponse.SupportedFeatureKey
                    {
                        Name = feature.Name,
                        MinVersion = feature.Lowest,
                        MaxVersion = feature.Highest,
                    }
                );
            }
        }
        foreach ((string name, short level) in image.Features.Finalized)
        {
            AddFinalized(response, name, level);
        }
        if (image.KRaftVersion > 0)
        {
            AddFinalized(response, Features.KRaftVersion, image.KRaftVersion);
        }
    }

    private static void AddFinalized(ApiVersionsResponse response, string name, short level) =>
        response.FinalizedFeatures.Add(
            new ApiVersionsResponse.FinalizedFeatureKey
            {
                Name = name,
                MinVersionLevel = level,
                MaxVersionLevel = level,
            }
        );

    private static ApiVersionsResponse.ApiVersion Entry(RequestHandler handler) =>
        new()
        {
            ApiKey = (short)handler.Key,
            MinVersion = handler.AdvertisedMin,
            MaxVersion = handler.VersionMax,
        };

    /// <summary>Letters, digits, '-' and '.', with a letter or digit at both ends (KIP-511).</summary>
    private static bool IsSoftwareWord(string text)
    {
        if (text.Length == 0 || !char.IsAsciiLetterOrDigit(text[0]) || !char.IsAsciiLetterOrDigit(text[^1]))
        {
            return false;
        }
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.'))
            {
                return false;
            }
        }
        return true;
    }
}
