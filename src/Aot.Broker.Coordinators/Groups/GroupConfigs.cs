using System.Globalization;
using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// What was set at run time for one group (resource type GROUP), or for the broker; null where nothing was.
/// </summary>
internal static class GroupConfigs
{
    public static string? Text(MetadataView metadata, string groupId, string name) =>
        metadata.Image.Configs.Value(new ConfigResource(ConfigResourceKind.Group, groupId), name);

    public static int? Number(MetadataView metadata, string groupId, string name) =>
        Text(metadata, groupId, name) is { } text
        && int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int value)
            ? value
            : null;

    /// <summary>The broker's own setting, for those that may change while it runs.</summary>
    public static int? BrokerNumber(MetadataView metadata, string name) =>
        metadata.Settings.TryGetGiven(name, out _, out _) ? metadata.Settings.GetInt(name) : null;
}
