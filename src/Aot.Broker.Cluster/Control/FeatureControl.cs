using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>Raising and lowering the cluster's feature levels, as plans over an image.</summary>
internal static class FeatureControl
{
    private const string AllFailed = "The update failed for all features since the following feature had an error: ";

    private enum Direction : sbyte
    {
        Unknown = 0,
        Upgrade = 1,
        SafeDowngrade = 2,
        UnsafeDowngrade = 3,
    }

    public static ControlPlan<UpdateFeaturesResponse> Update(
        MetadataImage image,
        ControlFacts facts,
        UpdateFeaturesRequest request,
        short version
    )
    {
        List<MetadataRecord> records = [];
        VoterImage[]? voters = null;
        UpdateFeaturesResponse response = new() { Results = [], ErrorMessage = null };
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (UpdateFeaturesRequest.FeatureUpdateKey update in request.FeatureUpdates)
        {
            Direction direction =
                version > 0 ? (Direction)update.UpgradeType
                : update.AllowDowngrade ? Direction.SafeDowngrade
                : Direction.Upgrade;
            ApiError error = names.Add(update.Feature)
                ? UpdateOne(image, facts, update.Feature, update.MaxVersionLevel, direction, request, records)
                : new ApiError(ErrorCode.InvalidRequest, $"The feature {update.Feature} is named twice.");
            if (error.IsError)
            {
                response.ErrorCode = (short)error.Code;
                response.ErrorMessage = AllFailed + error.Message;
                return new ControlPlan<UpdateFeaturesResponse>([], response);
            }
            if (update.Feature == Features.KRaftVersion && update.MaxVersionLevel > image.KRaftVersion)
            {
                // The voters that the settings named are this node alone.
                voters = [facts.Voter];
            }
            if (version <= 1)
            {
                response.Results.Add(
                    new UpdateFeaturesResponse.UpdatableFeatureResult { Feature = update.Feature, ErrorMessage = null }
                );
            }
        }
        return request.ValidateOnly
            ? new ControlPlan<UpdateFeaturesResponse>([], response)
            : new ControlPlan<UpdateFeaturesResponse>(records, response) { Voters = voters };
    }

    private static ApiError UpdateOne(
        MetadataImage image,
        ControlFacts facts,
        string name,
        short level,
        Direction direction,
        UpdateFeaturesRequest request,
        List<MetadataRecord> records
    )
    {
        if (direction is not (Direction.Upgrade or Direction.SafeDowngrade or Direction.UnsafeDowngrade))
        {
            return Refused(name, level, "The controller does not support the given upgrade type.");
        }
        if (level < 0)
        {
            return Refused(name, level, "A feature version cannot be less than 0.");
        }
        short current = name == Features.KRaftVersion ? image.KRaftVersion : image.Features.Level(name);
        if (CheckSupport(image, facts, name, level) is { } unsupported)
        {
            return Refused(name, level, unsupported);
        }
        if (level < current && direction == Direction.Upgrade)
        {
            return Refused(
                name,
                level,
                "Can't downgrade the version of this feature without setting the upgrade type to either safe or "
                    + "unsafe downgrade."
            );
        }
        if (level > current && direction != Direction.Upgrade)
        {
            return Refused(name, level, "Can't downgrade to a newer version.");
        }
        if (name == Features.MetadataVersion)
        {
            return UpdateMetadataVersion(level, current, direction, records);
        }
        if (name == Features.KRaftVersion)
        {
            // The voters cannot be taken out of the log again.
            return level >= current ? default : Refused(name, level, "Can't downgrade the version of this feature.");
        }
        short metadataVersion = MetadataVersionAfter(image, request);
        short needed = Features.NeededMetadataVersion(name, level);
        if (metadataVersion < needed)
        {
            return Refused(
                name,
                level,
                $"{name} could not be set to {level} because it depends on {Features.MetadataVersion} level {needed}"
            );
        }
        records.Add(ImageRecords.Feature(name, level));
        if (name == Features.EligibleLeaderReplicas && level > 0 && current == 0)
        {
            AddMinInsyncReplicas(image, facts, records);
        }
        return default;
    }

    private static short MetadataVersionAfter(MetadataImage image, UpdateFeaturesRequest request)
    {
        foreach (UpdateFeaturesRequest.FeatureUpdateKey update in request.FeatureUpdates)
        {
            if (update.Feature == Features.MetadataVersion)
            {
                return update.MaxVersionLevel;
            }
        }
        return image.Features.MetadataVersion;
    }

    private static ApiError UpdateMetadataVersion(
        short level,
        short current,
        Direction direction,
        List<MetadataRecord> records
    )
    {
        if (level < current && !MetadataVersions.IsLosslessDowngrade(current, level))
        {
            string why =
                direction == Direction.UnsafeDowngrade
                    ? "Unsafe metadata downgrade is not supported in this version."
                    : "Refusing to perform the requested downgrade because it might delete metadata information.";
            return new ApiError(
                ErrorCode.InvalidUpdateVersion,
                $"Unsupported metadata.version downgrade from {current} to {level}. {why}"
            );
        }
        if (level != current)
        {
            records.Add(ImageRecords.Feature(Features.MetadataVersion, level));
        }
        return default;
    }

    /// <summary>Null when every node of the cluster can run with the level.</summary>
    private static string? CheckSupport(MetadataImage image, ControlFacts facts, string name, short level)
    {
        bool isOff = level == 0 && name != Features.MetadataVersion;
        if (Features.Range(name) is not { } own)
        {
            return isOff ? null : $"Local controller {facts.NodeId} does not support this feature.";
        }
        if (!isOff && (level < own.Lowest || level > own.Highest))
        {
            return $"Local controller {facts.NodeId} only supports versions {own.Lowest}-{own.Highest}";
        }
        foreach (BrokerImage broker in image.Brokers)
        {
            int at = Array.FindIndex(broker.Features, feature => feature.Name == name);
            if (isOff)
            {
                continue;
            }
            if (at < 0)
            {
                return $"Broker {broker.Id} does not support this feature.";
            }
            FeatureRange range = broker.Features[at];
            if (level < range.Lowest || level > range.Highest)
            {
                return $"Broker {broker.Id} only supports versions {range.Lowest}-{range.Highest}";
            }
        }
        return null;
    }

    private static ApiError Refused(string name, short level, string why) =>
        new(ErrorCode.InvalidUpdateVersion, $"Invalid update version {level} for feature {name}. {why}");

    /// <summary>
    /// Eligible leader replicas need min.insync.replicas to be the cluster's, in the log, and no broker's own: what the
    /// cluster does not have yet is written from the setting that holds now.
    /// </summary>
    public static void AddMinInsyncReplicas(MetadataImage image, ControlFacts facts, List<MetadataRecord> records)
    {
        const string Name = "min.insync.replicas";
        foreach ((ConfigResource resource, var settings) in image.Configs.Resources)
        {
            if (
                resource.Type == Configs.ConfigResourceKind.Broker
                && resource.Name.Length > 0
                && settings.ContainsKey(Name)
            )
            {
                records.Add(ImageRecords.Config(resource, Name, null));
            }
        }
        if (image.Configs.Value(ConfigResource.AllBrokers, Name) is null)
        {
            records.Add(ImageRecords.Config(ConfigResource.AllBrokers, Name, facts.StartedWith.Text(Name)));
        }
    }
}
