using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>
/// Log directories that take no new partitions (<c>cordoned.log.dirs</c>, KIP-1066), as plans over an image. The setting
/// names paths, which only their broker knows; what the cluster goes by are ids in the broker's registration.
/// </summary>
internal static class CordonControl
{
    /// <summary>The setting: paths, or <c>*</c> for all.</summary>
    public const string Setting = "cordoned.log.dirs";

    private const string AllDirectories = "*";

    /// <summary>Whether a broker may get these settings.</summary>
    public static ApiError Check(
        MetadataImage image,
        ControlFacts facts,
        IReadOnlyDictionary<string, string> before,
        IReadOnlyDictionary<string, string> after
    )
    {
        if (!after.TryGetValue(Setting, out string? wanted) || before.GetValueOrDefault(Setting) == wanted)
        {
            return default;
        }
        foreach (string path in ConfigValue.Items(wanted))
        {
            if (path != AllDirectories && !facts.Directories.ContainsKey(path))
            {
                return new ApiError(
                    ErrorCode.InvalidRequest,
                    $"Invalid value {wanted} for configuration {Setting}: Invalid entry in {Setting}: {path}. All cordoned "
                        + "log dirs must be entries of log.dirs or log.dir."
                );
            }
        }
        return MetadataVersions.HasCordonedDirectories(image.Features.MetadataVersion)
            ? default
            : new ApiError(
                ErrorCode.InvalidConfig,
                $"The {Setting} configuration value cannot be set because it requires metadata.version >= "
                    + MetadataVersions.V4_3_IV0
            );
    }

    /// <summary>This broker's cordoned directories as its settings have them, in ascending order.</summary>
    public static KafkaUuid[] Of(MetadataImage image, ControlFacts facts)
    {
        if (!MetadataVersions.HasCordonedDirectories(image.Features.MetadataVersion))
        {
            return [];
        }
        ConfigValues settings = BrokerSettings.Of(image, facts.NodeId, facts.StartedWith);
        List<KafkaUuid> cordoned = [];
        string[] wanted = settings.GetList(Setting);
        foreach ((string path, KafkaUuid id) in facts.Directories)
        {
            if (wanted.Contains(AllDirectories) || wanted.Contains(path))
            {
                cordoned.Add(id);
            }
        }
        cordoned.Sort();
        return [.. cordoned];
    }

    /// <summary>Brings the registration of this broker in line with its settings, which have just changed.</summary>
    public static ControlPlan<bool> Follow(MetadataImage image, ControlFacts facts)
    {
        KafkaUuid[] cordoned = Of(image, facts);
        if (
            image.Broker(facts.NodeId) is not { } broker
            || !MetadataVersions.HasCordonedDirectories(image.Features.MetadataVersion)
            || cordoned.AsSpan().SequenceEqual(broker.CordonedDirectories)
        )
        {
            return new ControlPlan<bool>([], false);
        }
        BrokerRegistrationChangeRecord record = new()
        {
            BrokerId = broker.Id,
            BrokerEpoch = broker.Epoch,
            CordonedLogDirs = [.. cordoned],
        };
        short version = MetadataVersions.BrokerRegistrationChangeRecordVersion(image.Features.MetadataVersion);
        return new ControlPlan<bool>([new MetadataRecord(record, version)], true);
    }
}
