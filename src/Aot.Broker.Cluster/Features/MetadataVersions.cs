namespace Aot.Broker.Cluster;

/// <summary>
/// The ladder of <c>metadata.version</c>: which level has which name, and what each allows in the metadata log. A
/// cluster writes only what its level knows, so that older nodes of it can still read.
/// </summary>
public static class MetadataVersions
{
    public const short V3_3_IV3 = 7;
    public const short V3_4_IV0 = 8;
    public const short V3_5_IV2 = 11;
    public const short V3_6_IV0 = 12;
    public const short V3_6_IV1 = 13;
    public const short V3_6_IV2 = 14;
    public const short V3_7_IV0 = 15;
    public const short V3_7_IV2 = 17;
    public const short V3_9_IV0 = 21;
    public const short V4_0_IV0 = 22;
    public const short V4_0_IV1 = 23;
    public const short V4_0_IV2 = 24;
    public const short V4_1_IV0 = 26;
    public const short V4_2_IV0 = 28;
    public const short V4_2_IV1 = 29;
    public const short V4_3_IV0 = 30;
    public const short V4_4_IV0 = 31;
    public const short V4_4_IV2 = 33;

    public const short Lowest = V3_3_IV3;
    public const short Latest = V4_4_IV2;

    // By level, from the lowest.
    private static readonly string[] NamesByLevel =
    [
        "3.3-IV3",
        "3.4-IV0",
        "3.5-IV0",
        "3.5-IV1",
        "3.5-IV2",
        "3.6-IV0",
        "3.6-IV1",
        "3.6-IV2",
        "3.7-IV0",
        "3.7-IV1",
        "3.7-IV2",
        "3.7-IV3",
        "3.7-IV4",
        "3.8-IV0",
        "3.9-IV0",
        "4.0-IV0",
        "4.0-IV1",
        "4.0-IV2",
        "4.0-IV3",
        "4.1-IV0",
        "4.1-IV1",
        "4.2-IV0",
        "4.2-IV1",
        "4.3-IV0",
        "4.4-IV0",
        "4.4-IV1",
        "4.4-IV2",
    ];

    // Levels at which information is lost when a cluster goes back over them: they brought new records or fields.
    private static readonly short[] LevelsThatChangedRecords =
    [
        V3_3_IV3,
        V3_4_IV0,
        V3_5_IV2,
        V3_6_IV1,
        V3_6_IV2,
        V3_7_IV0,
        V3_7_IV2,
        V4_0_IV1,
        V4_3_IV0,
        32,
        V4_4_IV2,
    ];

    public static IReadOnlyList<string> Names => NamesByLevel;

    public static bool IsKnown(short level) => level is >= Lowest and <= Latest;

    public static string Name(short level) => IsKnown(level) ? NamesByLevel[level - Lowest] : $"level {level}";

    /// <summary>A release (<c>4.1</c>, <c>4.1.2</c>: its last level) or one level (<c>4.1-IV0</c>).</summary>
    public static bool TryParse(string text, out short level)
    {
        string[] parts = text.Split('.');
        string release = parts.Length >= 2 ? parts[0] + "." + parts[1] : text;
        for (int i = NamesByLevel.Length - 1; i >= 0; i--)
        {
            string name = NamesByLevel[i];
            if (name == release || name[..name.IndexOf('-')] == release)
            {
                level = (short)(Lowest + i);
                return true;
            }
        }
        level = 0;
        return false;
    }

    /// <summary>True when no record of a level above <paramref name="lower"/> could be lost by going back to it.</summary>
    public static bool IsLosslessDowngrade(short higher, short lower) =>
        !LevelsThatChangedRecords.Any(level => level > lower && level <= higher);

    public static short RegisterBrokerRecordVersion(short metadataVersion) =>
        metadataVersion switch
        {
            >= V4_3_IV0 => 4,
            >= V3_7_IV2 => 3,
            >= V3_4_IV0 => 2,
            _ => 1,
        };

    public static short BrokerRegistrationChangeRecordVersion(short metadataVersion) =>
        metadataVersion switch
        {
            >= V4_3_IV0 => 3,
            >= V3_7_IV2 => 2,
            _ => 1,
        };

    /// <summary>For PartitionRecord and PartitionChangeRecord.</summary>
    public static short PartitionRecordVersion(short metadataVersion) =>
        metadataVersion switch
        {
            >= V4_0_IV1 => 2,
            >= V3_7_IV2 => 1,
            _ => 0,
        };

    public static bool HasDirectories(short metadataVersion) => metadataVersion >= V3_7_IV2;

    /// <summary>Whether a registration can say which directories take no new partitions (KIP-1066).</summary>
    public static bool HasCordonedDirectories(short metadataVersion) => metadataVersion >= V4_3_IV0;

    public static bool HasTransactions(short metadataVersion) => metadataVersion >= V3_6_IV1;

    public static bool HasControllerRegistration(short metadataVersion) => metadataVersion >= V3_7_IV0;

    public static bool HasScram(short metadataVersion) => metadataVersion >= V3_5_IV2;
}
