using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// A member of a group whose partitions the broker divides, as its records say. Immutable: a new record makes a new one.
/// </summary>
public abstract record GroupMember(string MemberId)
{
    public string? RackId { get; init; }

    public string ClientId { get; init; } = "";

    public string ClientHost { get; init; } = "";

    /// <summary>In ascending order, each once.</summary>
    public IReadOnlyList<string> SubscribedNames { get; init; } = [];

    /// <summary>Target epoch that the member has reached; 0 before the first.</summary>
    public int Epoch { get; init; }

    /// <summary>The one before, which a client whose answer was lost still sends.</summary>
    public int PreviousEpoch { get; init; }

    public PartitionSet Assigned { get; init; } = PartitionSet.Empty;
}
