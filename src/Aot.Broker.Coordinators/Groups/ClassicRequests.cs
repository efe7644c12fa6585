using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>Members as JoinGroup requests describe them.</summary>
internal static class ClassicRequests
{
    public static ClassicMember NewMember(string memberId, GroupCaller caller, JoinGroupRequest request) =>
        new()
        {
            MemberId = memberId,
            InstanceId = request.GroupInstanceId,
            ClientId = caller.ClientId,
            ClientHost = caller.ClientHost,
            RebalanceTimeoutMs = RebalanceTimeoutOf(request, caller),
            SessionTimeoutMs = request.SessionTimeoutMs,
            Protocols = ProtocolsOf(request),
        };

    /// <summary>Version 0 has no rebalance timeout of its own: the session's stands for it.</summary>
    public static int RebalanceTimeoutOf(JoinGroupRequest request, GroupCaller caller) =>
        caller.ApiVersion == 0 || request.RebalanceTimeoutMs < 0
            ? request.SessionTimeoutMs
            : request.RebalanceTimeoutMs;

    public static List<MemberProtocol> ProtocolsOf(JoinGroupRequest request)
    {
        List<MemberProtocol> protocols = [];
        foreach (JoinGroupRequest.JoinGroupRequestProtocol protocol in request.Protocols)
        {
            protocols.Add(new MemberProtocol(protocol.Name, protocol.Metadata));
        }
        return protocols;
    }

    public static string NewMemberId(string prefix, Core core)
    {
        Span<byte> bytes = stackalloc byte[KafkaUuid.SizeInBytes];
        new KafkaUuid(core.NextRandom(), core.NextRandom()).Write(bytes);
        return $"{prefix}-{new Guid(bytes)}";
    }

    /// <summary>The id of a member that leaves its making to the broker (KIP-848): Kafka's form of a UUID.</summary>
    public static string NewUuid(Core core) => new KafkaUuid(core.NextRandom(), core.NextRandom()).ToString();
}
