using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Simulation.Tests;

/// <summary>A member of the classic protocol; the leader gives each member the partitions whose turn is its own.</summary>
internal sealed class ClassicMember(World world, Administrator connection, TopicUnderTest topic, string group)
    : GroupMember(world, connection, topic, group)
{
    private const string Protocol = "turns";

    private bool _hasJoined;

    public override async Task<bool> BeatAsync()
    {
        if (_hasJoined)
        {
            await HeartbeatAsync();
        }
        if (_hasJoined)
        {
            return true;
        }
        await Connection.UntilDoneAsync(async client =>
        {
            _hasJoined = await JoinAsync(client);
            return _hasJoined;
        });
        return false;
    }

    private Task HeartbeatAsync() =>
        Connection.UntilDoneAsync(async client =>
        {
            HeartbeatResponse answer = await client.CallAsync<HeartbeatResponse>(
                ApiKey.Heartbeat,
                4,
                new HeartbeatRequest
                {
                    GroupId = Group,
                    MemberId = Id,
                    GenerationId = Epoch,
                },
                HeartbeatResponse.TryRead
            );
            ErrorCode error = (ErrorCode)answer.ErrorCode;
            return !await IsForLaterAsync(client, error) && (error == ErrorCode.None || Leave(error, "heartbeat"));
        });

    private async Task<bool> JoinAsync(WireClient client)
    {
        JoinGroupResponse joined = await client.CallAsync<JoinGroupResponse>(
            ApiKey.JoinGroup,
            9,
            new JoinGroupRequest
            {
                GroupId = Group,
                MemberId = Id,
                ProtocolType = "consumer",
                SessionTimeoutMs = HistorySetup.SessionTimeoutMs,
                RebalanceTimeoutMs = HistorySetup.RebalanceTimeoutMs,
                Protocols = [new() { Name = Protocol, Metadata = [0] }],
            },
            JoinGroupResponse.TryRead
        );
        ErrorCode error = (ErrorCode)joined.ErrorCode;
        if (error == ErrorCode.MemberIdRequired)
        {
            Id = joined.MemberId;
            return false;
        }
        if (await IsForLaterAsync(client, error) || (error != ErrorCode.None && Leave(error, "join")))
        {
            return false;
        }
        (Id, Epoch) = (joined.MemberId, joined.GenerationId);
        SyncGroupRequest request = new()
        {
            GroupId = Group,
            MemberId = Id,
            GenerationId = Epoch,
            ProtocolType = "consumer",
            ProtocolName = Protocol,
        };
        for (int i = 0; i < joined.Members.Count && joined.Leader == Id; i++)
        {
            byte[] turns =
            [
                .. Enumerable.Range(0, Topic.Partitions).Where(p => p % joined.Members.Count == i).Select(p => (byte)p),
            ];
            request.Assignments.Add(new() { MemberId = joined.Members[i].MemberId, Assignment = turns });
        }
        SyncGroupResponse synced = await client.CallAsync<SyncGroupResponse>(
            ApiKey.SyncGroup,
            5,
            request,
            SyncGroupResponse.TryRead
        );
        error = (ErrorCode)synced.ErrorCode;
        if (await IsForLaterAsync(client, error) || (error != ErrorCode.None && Leave(error, "sync")))
        {
            return false;
        }
        Assignment = [.. synced.Assignment.Select(partition => (int)partition)];
        return true;
    }

    /// <summary>Always true: the member has to join again.</summary>
    private bool Leave(ErrorCode error, string what)
    {
        World.Check(
            error is ErrorCode.RebalanceInProgress or ErrorCode.IllegalGeneration or ErrorCode.UnknownMemberId,
            $"{what} of {Id}: {error}"
        );
        if (error == ErrorCode.UnknownMemberId)
        {
            Id = "";
        }
        _hasJoined = false;
        Assignment = [];
        return true;
    }
}
