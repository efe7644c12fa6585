using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>One of the ways in which a member says that it can divide partitions, best first in its list.</summary>
public readonly record struct MemberProtocol(string Name, byte[] Metadata);

/// <summary>
/// A member of a classic group. Owned by its group, on the core of the group's shard. While an answer to JoinGroup or
/// SyncGroup is parked here the member's session does not run out: the coordinator is the one who makes it wait.
/// </summary>
public sealed class ClassicMember
{
    public required string MemberId { get; init; }

    /// <summary>The name of a static member (KIP-345), else null.</summary>
    public string? InstanceId { get; init; }

    public required string ClientId { get; set; }

    public required string ClientHost { get; set; }

    public required int RebalanceTimeoutMs { get; set; }

    public required int SessionTimeoutMs { get; set; }

    public required IReadOnlyList<MemberProtocol> Protocols { get; set; }

    public byte[] Assignment { get; set; } = [];

    /// <summary>True until the first generation that the member took part in: its join may not be waited for for ever.</summary>
    public bool IsNew { get; set; }

    /// <summary>A JoinGroup that waits for the rebalance to end.</summary>
    internal TaskCompletionSource<JoinGroupResponse>? AwaitingJoin { get; set; }

    /// <summary>A SyncGroup that waits for the leader's assignment.</summary>
    internal TaskCompletionSource<SyncGroupResponse>? AwaitingSync { get; set; }

    /// <summary>The version of the parked JoinGroup, which decides the form of its answer.</summary>
    internal short JoinVersion { get; set; }

    internal TimerHandle? SessionTimer { get; set; }

    internal ITimerTarget? SessionTarget { get; set; }

    public bool IsParked => AwaitingJoin is not null || AwaitingSync is not null;

    /// <summary>The metadata of a protocol; empty when the member does not know it.</summary>
    public byte[] MetadataOf(string? protocolName)
    {
        foreach (MemberProtocol protocol in Protocols)
        {
            if (protocol.Name == protocolName)
            {
                return protocol.Metadata;
            }
        }
        return [];
    }

    /// <summary>Whether a rejoin changes nothing that an assignor could see.</summary>
    public bool HasSameProtocols(IReadOnlyList<MemberProtocol> other)
    {
        if (Protocols.Count != other.Count)
        {
            return false;
        }
        for (int i = 0; i < other.Count; i++)
        {
            if (Protocols[i].Name != other[i].Name || !Protocols[i].Metadata.AsSpan().SequenceEqual(other[i].Metadata))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>The first of the candidates in the member's own order of preference; null when it knows none.</summary>
    public string? Vote(IReadOnlySet<string> candidates)
    {
        foreach (MemberProtocol protocol in Protocols)
        {
            if (candidates.Contains(protocol.Name))
            {
                return protocol.Name;
            }
        }
        return null;
    }
}
