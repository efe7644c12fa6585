using System.Buffers.Binary;
using System.Text;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Perf.Client;

namespace Aot.Perf.Loads;

/// <summary>A member by the classic protocol; as a leader it gives every member the same few bytes.</summary>
internal sealed class ClassicMember(EventLoop loop, LoadPlan plan, string group, int number)
    : GroupMember(loop, plan, group, number)
{
    private const short JoinVersion = 6;
    private const short SyncVersion = 4;
    private const short HeartbeatVersion = 4;
    private const short LeaveVersion = 2;
    private const int SessionMs = 45_000;
    private const int RebalanceMs = 300_000;

    private static readonly byte[] s_assignment = [0, 0, 0, 0, 0, 0];

    private ApiKey _awaited;
    private string _member = "";
    private int _generation = -1;
    private byte[] _beat = [];

    public override void Join()
    {
        IsSettled = false;
        Joins++;
        _awaited = ApiKey.JoinGroup;
        JoinGroupRequest.JoinGroupRequestProtocol range = new() { Name = "range", Metadata = Subscription(Topic) };
        Send(
            ApiKey.JoinGroup,
            JoinVersion,
            new JoinGroupRequest
            {
                GroupId = Group,
                SessionTimeoutMs = SessionMs,
                RebalanceTimeoutMs = RebalanceMs,
                MemberId = _member,
                ProtocolType = "consumer",
                Protocols = [range],
            }
        );
    }

    public override void Leave()
    {
        _awaited = ApiKey.LeaveGroup;
        Send(ApiKey.LeaveGroup, LeaveVersion, new LeaveGroupRequest { GroupId = Group, MemberId = _member });
    }

    protected override void SendBeat()
    {
        _awaited = ApiKey.Heartbeat;
        Send(_beat);
    }

    protected override void OnAnswer(ReadOnlySpan<byte> frame)
    {
        switch (_awaited)
        {
            case ApiKey.JoinGroup:
                OnJoined(Read<JoinGroupResponse>(frame, _awaited, JoinVersion, JoinGroupResponse.TryRead));
                break;
            case ApiKey.SyncGroup:
                var synced = Read<SyncGroupResponse>(frame, _awaited, SyncVersion, SyncGroupResponse.TryRead);
                OnSettled((ErrorCode)synced.ErrorCode);
                break;
            case ApiKey.Heartbeat:
                var beat = Read<HeartbeatResponse>(frame, _awaited, HeartbeatVersion, HeartbeatResponse.TryRead);
                OnSettled((ErrorCode)beat.ErrorCode);
                break;
            default:
                break;
        }
    }

    private void OnJoined(JoinGroupResponse joined)
    {
        ErrorCode error = (ErrorCode)joined.ErrorCode;
        if (error == ErrorCode.MemberIdRequired)
        {
            _member = joined.MemberId;
        }
        if (error != ErrorCode.None)
        {
            OnSettled(error);
            return;
        }
        (_member, _generation) = (joined.MemberId, joined.GenerationId);
        HeartbeatRequest beat = new()
        {
            GroupId = Group,
            GenerationId = _generation,
            MemberId = _member,
        };
        _beat = Caller.Frame(ApiKey.Heartbeat, HeartbeatVersion, 0, beat);
        SyncGroupRequest sync = new()
        {
            GroupId = Group,
            GenerationId = _generation,
            MemberId = _member,
        };
        if (joined.Leader == _member)
        {
            foreach (JoinGroupResponse.JoinGroupResponseMember member in joined.Members)
            {
                sync.Assignments.Add(
                    new SyncGroupRequest.SyncGroupRequestAssignment
                    {
                        MemberId = member.MemberId,
                        Assignment = s_assignment,
                    }
                );
            }
        }
        _awaited = ApiKey.SyncGroup;
        Send(ApiKey.SyncGroup, SyncVersion, sync);
    }

    /// <summary>A division that began anew, or a coordinator that is not ready yet: from the beginning.</summary>
    private void OnSettled(ErrorCode error)
    {
        if (error == ErrorCode.None)
        {
            IsSettled = true;
        }
        else if (
            IsForLater(error)
            || error is ErrorCode.MemberIdRequired or ErrorCode.RebalanceInProgress or ErrorCode.IllegalGeneration
        )
        {
            Join();
        }
        else
        {
            throw new LoadException($"group {Group}, member '{_member}': {_awaited} was answered with {error}");
        }
    }

    /// <summary>Version 0 of what consumers say of themselves: one topic, no user data.</summary>
    private static byte[] Subscription(string topic)
    {
        byte[] bytes = new byte[(2 * sizeof(short)) + (2 * sizeof(int)) + topic.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(2), 1);
        BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(6), (short)topic.Length);
        Encoding.UTF8.GetBytes(topic, bytes.AsSpan(8));
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8 + topic.Length), -1);
        return bytes;
    }
}
