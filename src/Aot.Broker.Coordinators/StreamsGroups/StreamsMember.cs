using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>Where a member's interactive queries are answered.</summary>
public sealed record StreamsEndpoint(string Host, ushort Port);

/// <summary>A tag of a client, by which standby tasks are spread over racks.</summary>
public sealed record ClientTag(string Key, string Value);

/// <summary>A member of a streams group (KIP-1071) as its records say. Immutable: a new record makes a new one.</summary>
public sealed record StreamsMember(string MemberId)
{
    public string? InstanceId { get; init; }

    public string? RackId { get; init; }

    public string ClientId { get; init; } = "";

    public string ClientHost { get; init; } = "";

    /// <summary>How long the member may take to give tasks up.</summary>
    public int RebalanceTimeoutMs { get; init; } = -1;

    /// <summary>Of the topology that the client runs; -1 before it said so.</summary>
    public int TopologyEpoch { get; init; } = -1;

    /// <summary>Members of one process share its local state.</summary>
    public string ProcessId { get; init; } = "";

    public StreamsEndpoint? Endpoint { get; init; }

    /// <summary>Ordered by key.</summary>
    public IReadOnlyList<ClientTag> Tags { get; init; } = [];

    /// <summary>Target epoch that the member has reached; 0 before the first.</summary>
    public int Epoch { get; init; }

    /// <summary>The one before, which a client whose answer was lost still sends.</summary>
    public int PreviousEpoch { get; init; }

    public MemberState State { get; init; } = MemberState.Stable;

    public MemberTasks Assigned { get; init; } = MemberTasks.Empty;

    public MemberTasks PendingRevocation { get; init; } = MemberTasks.Empty;

    public bool IsAway => Epoch == ConsumerMember.EpochOfStaticAway;

    public bool HasReached(int targetEpoch) => State == MemberState.Stable && Epoch == targetEpoch;

    /// <summary>Whether the record of the member's own words would be the same.</summary>
    public bool HasSameMetadata(StreamsMember other) =>
        !HasNewDivision(other)
        && InstanceId == other.InstanceId
        && ClientId == other.ClientId
        && ClientHost == other.ClientHost
        && RebalanceTimeoutMs == other.RebalanceTimeoutMs
        && Endpoint == other.Endpoint;

    /// <summary>Whether what differs from the other one can change who should have which task.</summary>
    public bool HasNewDivision(StreamsMember other) =>
        TopologyEpoch != other.TopologyEpoch
        || RackId != other.RackId
        || ProcessId != other.ProcessId
        || !Tags.SequenceEqual(other.Tags);
}
