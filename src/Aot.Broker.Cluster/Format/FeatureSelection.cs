using System.Globalization;

namespace Aot.Broker.Cluster;

/// <summary>
/// With which feature levels a cluster begins: those of a release, changed by single <c>NAME=LEVEL</c> wishes. The
/// refusals have the words of <c>kafka-storage format</c>.
/// </summary>
public static class FeatureSelection
{
    /// <summary>Reads <c>NAME=LEVEL</c>; null with the reason when it is not of that form.</summary>
    public static (string Name, short Level)? ParseWish(string text, out string problem)
    {
        problem = "";
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0)
        {
            problem = $"Can't parse feature=level string {text}: equals sign not found.";
            return null;
        }
        string level = text[(equals + 1)..].Trim();
        if (!short.TryParse(level, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out short value))
        {
            problem = $"Can't parse feature=level string {text}: unable to parse {level} as a short.";
            return null;
        }
        return (text[..equals].Trim(), value);
    }

    /// <summary>
    /// The levels to write, metadata.version first and the others by name, without those that are off; kraft.version
    /// apart, because it is in the quorum's own records. Null with the reason when the wishes cannot be met.
    /// </summary>
    public static List<MetadataRecord>? Select(
        string? release,
        IReadOnlyList<(string Name, short Level)> wishes,
        bool votersAreInLog,
        out short metadataVersion,
        out string problem
    )
    {
        metadataVersion = MetadataVersions.Latest;
        problem = CheckWishes(release, wishes, votersAreInLog, ref metadataVersion);
        if (problem.Length > 0)
        {
            return null;
        }
        List<MetadataRecord> records = [ImageRecords.Feature(Features.MetadataVersion, metadataVersion)];
        foreach (string name in Features.Names)
        {
            if (name == Features.KRaftVersion)
            {
                continue;
            }
            short level = Features.DefaultLevel(name, metadataVersion);
            foreach ((string wished, short wishedLevel) in wishes)
            {
                level = wished == name ? wishedLevel : level;
            }
            short needed = level == 0 ? MetadataVersions.Lowest : Features.NeededMetadataVersion(name, level);
            if (metadataVersion < needed)
            {
                problem =
                    $"{name} could not be set to {level} because it depends on {Features.MetadataVersion} level {needed}";
                return null;
            }
            if (level > 0)
            {
                records.Add(ImageRecords.Feature(name, level));
            }
        }
        return records;
    }

    private static string CheckWishes(
        string? release,
        IReadOnlyList<(string Name, short Level)> wishes,
        bool votersAreInLog,
        ref short metadataVersion
    )
    {
        if (release is not null && !MetadataVersions.TryParse(release, out metadataVersion))
        {
            return $"Unknown metadata.version '{release}'. Supported metadata.version are: "
                + string.Join(", ", MetadataVersions.Names);
        }
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach ((string name, short level) in wishes)
        {
            if (!names.Add(name))
            {
                return $"Feature {name} was specified more than once.";
            }
            if (name == Features.MetadataVersion)
            {
                if (release is not null)
                {
                    return "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.";
                }
                if (!MetadataVersions.IsKnown(level))
                {
                    return $"No MetadataVersion with feature level {level}. Valid feature levels are from "
                        + $"{MetadataVersions.Lowest} to {MetadataVersions.Latest}.";
                }
                metadataVersion = level;
                continue;
            }
            if (Features.Range(name) is not { } range)
            {
                return $"Unsupported feature: {name}. Supported features are: {string.Join(", ", Features.Names)}";
            }
            if (level < range.Lowest || level > range.Highest)
            {
                return $"No feature:{name} with feature level {level}";
            }
            if (name == Features.KRaftVersion && (level > 0) != votersAreInLog)
            {
                return level > 0
                    ? "Cannot set kraft.version to 1 unless controller.quorum.voters is empty and the voters are "
                        + "written to the log with --standalone."
                    : "Cannot set kraft.version to 0 if the voters are written to the log with --standalone.";
            }
        }
        return "";
    }
}
