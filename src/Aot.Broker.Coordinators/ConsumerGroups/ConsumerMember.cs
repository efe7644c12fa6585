using Aot.Broker.Coordinators.Groups;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>Where a member stands between the partitions that it has and those that it shall have; values are on disk.</summary>
public enum MemberState : sbyte
{
    /// <summary>It has its target, as far as it knows of it.</summary>
    Stable = 0,

    /// <summary>It was told to give partitions up, and has not said that it did.</summary>
    UnrevokedPartitions = 1,

    /// <summary>It gave up what it had to; others still hold some of what it shall get.</summary>
    UnreleasedPartitions = 2,

    /// <summary>Written by a newer version.</summary>
    Unknown = 127,
}

internal static class MemberStates
{
    public static MemberState Read(sbyte value) =>
        Enum.IsDefined((MemberState)value) ? (MemberState)value : MemberState.Unknown;
}

/// <summary>What a member that speaks the classic protocol in this group told at its last JoinGroup.</summary>
public sealed record ClassicMembershipInfo(int SessionTimeoutMs, IReadOnlyList<MemberProtocol> Protocols);

/// <summary>
/// A member of a consumer group (KIP-848) as its records say. Immutable: a new record makes a new one.
/// </summary>
public sealed record ConsumerMember(string MemberId) : GroupMember(MemberId)
{
    /// <summary>Epoch of a static member that is away and may come back under another id.</summary>
    public const int EpochOfStaticAway = -2;

    public string? InstanceId { get; init; }

    public string? SubscribedRegex { get; init; }

    /// <summary>How long the member may take to give partitions up.</summary>
    public int RebalanceTimeoutMs { get; init; } = -1;

    public string? ServerAssignor { get; init; }

    /// <summary>Null for a member of the consumer protocol.</summary>
    public ClassicMembershipInfo? Classic { get; init; }

    public MemberState State { get; init; } = MemberState.Stable;

    public PartitionSet PendingRevocation { get; init; } = PartitionSet.Empty;

    public bool IsAway => Epoch == EpochOfStaticAway;

    public bool UsesClassicProtocol => Classic is not null;

    public bool HasReached(int targetEpoch) => State == MemberState.Stable && Epoch == targetEpoch;

    public bool HasSameSubscription(ConsumerMember other) =>
        SubscribedRegex == other.SubscribedRegex && SubscribedNames.SequenceEqual(other.SubscribedNames);

    /// <summary>Whether the record of the member's own words (type 5) would be the same.</summary>
    public bool HasSameMetadata(ConsumerMember other) =>
        HasSameSubscription(other)
        && InstanceId == other.InstanceId
        && RackId == other.RackId
        && ClientId == other.ClientId
        && ClientHost == other.ClientHost
        && RebalanceTimeoutMs == other.RebalanceTimeoutMs
        && ServerAssignor == other.ServerAssignor
        && HasSameClassic(other);

    private bool HasSameClassic(ConsumerMember other) =>
        Classic is null || other.Classic is null
            ? Classic is null && other.Classic is null
            : Classic.SessionTimeoutMs == other.Classic.SessionTimeoutMs
                && Classic.Protocols.Count == other.Classic.Protocols.Count
                && Classic
                    .Protocols.Zip(other.Classic.Protocols)
                    .All(p =>
                        p.First.Name == p.Second.Name && p.First.Metadata.AsSpan().SequenceEqual(p.Second.Metadata)
                    );
}
