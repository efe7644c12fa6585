using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Interop.Tests.Coordinators;

/// <summary>A member of a stable group of the classic protocol, the only one in it.</summary>
internal sealed record ClassicMember(string GroupId, string MemberId, int Generation, string? InstanceId)
{
    public const string ProtocolType = "consumer";
    public const string Protocol = "range";
    private const short JoinVersion = 7;
    private const short SyncVersion = 5;

    /// <summary>A subscription to one topic in version 0 of the consumers' own format.</summary>
    public static byte[] Subscription(string topic) =>
        [
            0,
            0,
            0,
            0,
            0,
            1,
            (byte)(topic.Length >> 8),
            (byte)topic.Length,
            .. System.Text.Encoding.UTF8.GetBytes(topic),
            255,
            255,
            255,
            255,
        ];

    public static JoinGroupRequest JoinRequest(
        string groupId,
        string memberId,
        string topic,
        string? instanceId = null
    ) =>
        new()
        {
            GroupId = groupId,
            MemberId = memberId,
            GroupInstanceId = instanceId,
            SessionTimeoutMs = 30_000,
            RebalanceTimeoutMs = 30_000,
            ProtocolType = ProtocolType,
            Protocols =
            [
                new JoinGroupRequest.JoinGroupRequestProtocol { Name = Protocol, Metadata = Subscription(topic) },
            ],
        };

    public static ClassicMember Join(ScriptClient client, string groupId, string topic, string? instanceId = null)
    {
        JoinGroupResponse joined = client.Ask<JoinGroupResponse>(
            ApiKey.JoinGroup,
            JoinVersion,
            JoinRequest(groupId, "", topic, instanceId),
            JoinGroupResponse.TryRead
        );
        if (joined.ErrorCode == (short)ErrorCode.MemberIdRequired)
        {
            joined = client.Ask<JoinGroupResponse>(
                ApiKey.JoinGroup,
                JoinVersion,
                JoinRequest(groupId, joined.MemberId, topic),
                JoinGroupResponse.TryRead
            );
        }
        Assert.Equal(ErrorCode.None, (ErrorCode)joined.ErrorCode);
        client.Name(joined.MemberId, $"member of {groupId}");
        SyncGroupRequest sync = new()
        {
            GroupId = groupId,
            GenerationId = joined.GenerationId,
            MemberId = joined.MemberId,
            GroupInstanceId = instanceId,
            ProtocolType = ProtocolType,
            ProtocolName = Protocol,
            Assignments =
            [
                new SyncGroupRequest.SyncGroupRequestAssignment { MemberId = joined.MemberId, Assignment = [1, 2, 3] },
            ],
        };
        SyncGroupResponse synced = client.Ask<SyncGroupResponse>(
            ApiKey.SyncGroup,
            SyncVersion,
            sync,
            SyncGroupResponse.TryRead
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)synced.ErrorCode);
        return new ClassicMember(groupId, joined.MemberId, joined.GenerationId, instanceId);
    }
}
