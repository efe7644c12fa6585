namespace Aot.Broker.Cluster;

/// <summary>One level of a feature: from which metadata version a freshly formatted cluster has it, and what it needs.</summary>
internal readonly record struct FeatureLevel(short Level, short DefaultFromMetadataVersion, short NeedsMetadataVersion);

/// <summary>
/// The features that a node of this version knows, their levels, and what a cluster formatted at a given
/// metadata.version starts with. The numbers are Apache Kafka 4.4's.
/// </summary>
public static class Features
{
    public const string MetadataVersion = "metadata.version";
    public const string KRaftVersion = "kraft.version";
    public const string TransactionVersion = "transaction.version";
    public const string GroupVersion = "group.version";
    public const string EligibleLeaderReplicas = "eligible.leader.replicas.version";
    public const string ShareVersion = "share.version";
    public const string StreamsVersion = "streams.version";

    private const short Always = MetadataVersions.Lowest;

    // Ordered by name, as they are listed to people and written at format.
    private static readonly (string Name, FeatureLevel[] Levels)[] Table =
    [
        (EligibleLeaderReplicas, [new(1, MetadataVersions.V4_1_IV0, MetadataVersions.V4_0_IV1)]),
        (GroupVersion, [new(1, MetadataVersions.V4_0_IV0, Always)]),
        (KRaftVersion, [new(1, MetadataVersions.V3_9_IV0, Always)]),
        (ShareVersion, [new(1, MetadataVersions.V4_2_IV0, Always), new(2, MetadataVersions.V4_4_IV0, Always)]),
        (StreamsVersion, [new(1, MetadataVersions.V4_2_IV1, Always)]),
        (TransactionVersion, [new(1, MetadataVersions.V4_0_IV2, Always), new(2, MetadataVersions.V4_0_IV2, Always)]),
    ];

    /// <summary>What this node can run with, metadata.version included, ordered by name.</summary>
    public static FeatureRange[] Supported { get; } = MakeSupported();

    /// <summary>Names without metadata.version, ordered.</summary>
    public static IEnumerable<string> Names => Table.Select(static feature => feature.Name);

    public static FeatureRange? Range(string name)
    {
        foreach (FeatureRange range in Supported)
        {
            if (range.Name == name)
            {
                return range;
            }
        }
        return null;
    }

    /// <summary>The level that a cluster formatted at a metadata.version starts with; 0 is off.</summary>
    public static short DefaultLevel(string name, short metadataVersion)
    {
        short level = 0;
        foreach (FeatureLevel candidate in Levels(name))
        {
            if (candidate.DefaultFromMetadataVersion <= metadataVersion)
            {
                level = candidate.Level;
            }
        }
        return level;
    }

    /// <summary>The metadata.version without which a level cannot be set.</summary>
    public static short NeededMetadataVersion(string name, short level)
    {
        foreach (FeatureLevel candidate in Levels(name))
        {
            if (candidate.Level == level)
            {
                return candidate.NeedsMetadataVersion;
            }
        }
        return MetadataVersions.Lowest;
    }

    private static FeatureLevel[] Levels(string name)
    {
        foreach ((string candidate, FeatureLevel[] levels) in Table)
        {
            if (candidate == name)
            {
                return levels;
            }
        }
        return [];
    }

    private static FeatureRange[] MakeSupported()
    {
        List<FeatureRange> ranges = [];
        foreach ((string name, FeatureLevel[] levels) in Table)
        {
            ranges.Add(new FeatureRange(name, 0, levels[^1].Level));
        }
        ranges.Add(new FeatureRange(MetadataVersion, MetadataVersions.Lowest, MetadataVersions.Latest));
        ranges.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return [.. ranges];
    }
}
