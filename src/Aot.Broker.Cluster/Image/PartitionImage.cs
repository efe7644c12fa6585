using Aot.Broker.Base;

namespace Aot.Broker.Cluster;

/// <summary>
/// What the cluster decided about one partition. Immutable; the arrays are never written after construction, because
/// every core reads them without locks.
/// </summary>
public sealed record PartitionImage
{
    /// <summary>A leader recovers (after an unclean election) until it says otherwise through AlterPartition.</summary>
    public const sbyte Recovered = 0;
    public const sbyte Recovering = 1;

    /// <summary>In <see cref="Leader"/>: nobody may lead.</summary>
    public const int NoLeader = -1;

    public required int[] Replicas { get; init; }
    public required int[] Isr { get; init; }
    public int[] Adding { get; init; } = [];
    public int[] Removing { get; init; } = [];

    /// <summary>The log directory of each replica, in the order of <see cref="Replicas"/>.</summary>
    public required KafkaUuid[] Directories { get; init; }

    /// <summary>Eligible leader replicas (KIP-966): left the ISR but hold everything below the high watermark.</summary>
    public int[] Elr { get; init; } = [];
    public int[] LastKnownElr { get; init; } = [];
    public int Leader { get; init; }
    public sbyte LeaderRecoveryState { get; init; }
    public int LeaderEpoch { get; init; }
    public int PartitionEpoch { get; init; }

    /// <summary>The directory that holds the copy of a broker; zero when it holds none.</summary>
    public KafkaUuid DirectoryOf(int brokerId)
    {
        int at = Array.IndexOf(Replicas, brokerId);
        return at < 0 ? default : Directories[at];
    }

    /// <summary>The replicas whose broker is away, or has lost the directory.</summary>
    public List<int> OfflineReplicas(MetadataImage image) =>
        [
            .. Replicas.Where(id =>
                image.Broker(id) is not { Fenced: false } broker || !broker.HasOnline(DirectoryOf(id))
            ),
        ];

    public bool IsReassigning => Adding.Length > 0 || Removing.Length > 0;
}

/// <summary>Directory ids with a meaning of their own (KIP-858).</summary>
public static class ReservedDirectory
{
    /// <summary>The replica comes from a metadata version that did not know directories.</summary>
    public static KafkaUuid Migrating => new(0, 0);

    /// <summary>The broker is to choose.</summary>
    public static KafkaUuid Unassigned => new(0, 1);

    /// <summary>The directory of the replica is gone.</summary>
    public static KafkaUuid Lost => new(0, 2);
}
