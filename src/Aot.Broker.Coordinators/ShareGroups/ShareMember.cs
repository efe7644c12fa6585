using Aot.Broker.Coordinators.Groups;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>A member of a share group (KIP-932) as its records say. Immutable: a new record makes a new one.</summary>
public sealed record ShareMember(string MemberId) : GroupMember(MemberId)
{
    /// <summary>Whether the record of the member's own words (type 10) would be the same.</summary>
    public bool HasSameMetadata(ShareMember other) =>
        RackId == other.RackId
        && ClientId == other.ClientId
        && ClientHost == other.ClientHost
        && SubscribedNames.SequenceEqual(other.SubscribedNames);
}
