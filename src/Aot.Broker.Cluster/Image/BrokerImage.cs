using Aot.Broker.Base;

namespace Aot.Broker.Cluster;

/// <summary>An address of a node: what clients or other nodes connect to. Protocol: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.</summary>
public sealed record EndPointImage(string Name, string Host, int Port, short SecurityProtocol);

/// <summary>The levels of a feature that a node can run with.</summary>
public readonly record struct FeatureRange(string Name, short Lowest, short Highest);

/// <summary>A registered broker. Immutable.</summary>
public sealed record BrokerImage
{
    public required int Id { get; init; }

    /// <summary>Offset of the registration record in the metadata log; fences requests of an earlier incarnation.</summary>
    public required long Epoch { get; init; }
    public required KafkaUuid IncarnationId { get; init; }
    public required EndPointImage[] EndPoints { get; init; }
    public required FeatureRange[] Features { get; init; }
    public string? Rack { get; init; }

    /// <summary>A fenced broker leads nothing and is not shown to clients.</summary>
    public bool Fenced { get; init; }
    public bool InControlledShutdown { get; init; }
    public bool IsMigratingZkBroker { get; init; }

    /// <summary>Ids of the log directories that are online.</summary>
    public KafkaUuid[] Directories { get; init; } = [];

    /// <summary>Directories that take no new partitions; null where the broker's version does not know the idea.</summary>
    public KafkaUuid[]? CordonedDirectories { get; init; }

    /// <summary>Whether the directory takes no new partitions.</summary>
    public bool IsCordoned(KafkaUuid directory) => CordonedDirectories?.Contains(directory) == true;

    /// <summary>Neither fenced nor on its way out: may lead.</summary>
    public bool IsActive => !Fenced && !InControlledShutdown;

    /// <summary>Whether the broker can read a directory; true where it was not said which one it is.</summary>
    public bool HasOnline(KafkaUuid directory) =>
        directory == ReservedDirectory.Migrating
        || directory == ReservedDirectory.Unassigned
        || Directories.Length == 0
        || Directories.Contains(directory);

    public EndPointImage? EndPoint(string listener)
    {
        foreach (EndPointImage endPoint in EndPoints)
        {
            if (string.Equals(endPoint.Name, listener, StringComparison.Ordinal))
            {
                return endPoint;
            }
        }
        return null;
    }
}

/// <summary>A registered controller. Immutable.</summary>
public sealed record ControllerImage
{
    public required int Id { get; init; }
    public required KafkaUuid IncarnationId { get; init; }
    public required EndPointImage[] EndPoints { get; init; }
    public required FeatureRange[] Features { get; init; }
    public bool ZkMigrationReady { get; init; }
}

/// <summary>A voter of the metadata quorum as the log states it (KIP-853).</summary>
public sealed record VoterImage(
    int Id,
    KafkaUuid DirectoryId,
    EndPointImage[] EndPoints,
    short KRaftVersionLowest,
    short KRaftVersionHighest
)
{
    /// <summary>A voter is a node with the disk that its log is on.</summary>
    public bool IsSameVoter(VoterImage other) => Id == other.Id && DirectoryId == other.DirectoryId;

    /// <summary>At the same addresses, with the same versions.</summary>
    public bool IsReachedLike(VoterImage other) =>
        EndPoints.AsSpan().SequenceEqual(other.EndPoints)
        && KRaftVersionLowest == other.KRaftVersionLowest
        && KRaftVersionHighest == other.KRaftVersionHighest;
}
