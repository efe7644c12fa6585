using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Interop.Tests.Coordinators;

/// <summary>JoinGroup, SyncGroup, Heartbeat, LeaveGroup, DescribeGroups, ListGroups and DeleteGroups.</summary>
internal sealed class ClassicGroupScript(ScriptClient client, string topic)
{
    private const string Instance = "instance";
    private const string Unknown = "nobody";

    public void Play()
    {
        ScriptClient.InEachVersion(ApiKey.JoinGroup, Joins);
        ScriptClient.InEachVersion(ApiKey.SyncGroup, Syncs);
        ScriptClient.InEachVersion(ApiKey.Heartbeat, Heartbeats);
        ScriptClient.InEachVersion(ApiKey.LeaveGroup, Leaves);
        Describes();
        Deletes();
    }

    private void Joins(short version)
    {
        string group = $"join-{version}";
        ClassicMember member = ClassicMember.Join(client, group, topic);
        JoinGroupRequest Request(string memberId, string groupId) =>
            ClassicMember.JoinRequest(groupId, memberId, topic);

        Join("an empty group id", version, Request("", ""));
        Join("a new member", version, Request("", $"new-{version}"));
        Join("an unknown member of an unknown group", version, Request(Unknown, $"none-{version}"));
        Join("an unknown member", version, Request(Unknown, group));
        foreach (int session in new[] { -1, 0, 5_999, 1_800_001 })
        {
            JoinGroupRequest request = Request(member.MemberId, group);
            request.SessionTimeoutMs = session;
            Join($"a session of {session} ms", version, request);
        }
        JoinGroupRequest none = Request("", group);
        none.Protocols = [];
        Join("no protocols", version, none);
        JoinGroupRequest noneOfNew = Request("", $"without-{version}");
        noneOfNew.Protocols = [];
        Join("no protocols in a new group", version, noneOfNew);
        JoinGroupRequest other = Request("", group);
        other.Protocols[0].Name = "roundrobin";
        Join("another protocol", version, other);
        JoinGroupRequest type = Request("", group);
        type.ProtocolType = "connect";
        Join("another type", version, type);
        JoinGroupRequest typeOfMember = Request(member.MemberId, group);
        typeOfMember.ProtocolType = "connect";
        Join("another type of a member", version, typeOfMember);
        JoinGroupRequest noType = Request("", $"typeless-{version}");
        noType.ProtocolType = "";
        Join("no type", version, noType);
        // Apache Kafka keeps the groups of these refused joins for a while.
        DeleteGroupsRequest forget = new() { GroupsNames = [noneOfNew.GroupId, noType.GroupId] };
        client.Ask<DeleteGroupsResponse>(ApiKey.DeleteGroups, 2, forget, DeleteGroupsResponse.TryRead);
        if (version >= 5)
        {
            string named = $"join-static-{version}";
            ClassicMember holder = ClassicMember.Join(client, named, topic, Instance);
            Join("a foreign instance", version, ClassicMember.JoinRequest(named, Unknown, topic, Instance));
            Join("an unknown instance", version, ClassicMember.JoinRequest(named, Unknown, topic, "other"));
            Join("the instance again", version, ClassicMember.JoinRequest(named, holder.MemberId, topic, Instance));
            Join("the instance anew", version, ClassicMember.JoinRequest(named, "", topic, Instance));
            Join("the instance before", version, ClassicMember.JoinRequest(named, holder.MemberId, topic, Instance));
            Join("an empty instance", version, ClassicMember.JoinRequest($"empty-{version}", "", topic, ""));
        }
        Join("the member again", version, Request(member.MemberId, group));
    }

    private void Join(string what, short version, JoinGroupRequest request) =>
        client.Try<JoinGroupResponse>(what, ApiKey.JoinGroup, version, request, JoinGroupResponse.TryRead);

    private void Syncs(short version)
    {
        ClassicMember member = ClassicMember.Join(client, $"sync-{version}", topic, version >= 3 ? Instance : null);
        SyncGroupRequest Request(string groupId, string memberId, int generation) =>
            new()
            {
                GroupId = groupId,
                MemberId = memberId,
                GenerationId = generation,
                ProtocolName = ClassicMember.Protocol,
                ProtocolType = ClassicMember.ProtocolType,
                GroupInstanceId = version >= 3 ? Instance : null,
            };

        Sync("an empty group id", version, Request("", member.MemberId, 1));
        Sync("an unknown group", version, Request("none", member.MemberId, 1));
        Sync("an unknown member", version, Request(member.GroupId, Unknown, member.Generation));
        Sync("no member", version, Request(member.GroupId, "", member.Generation));
        Sync("an old generation", version, Request(member.GroupId, member.MemberId, member.Generation - 1));
        Sync("a coming generation", version, Request(member.GroupId, member.MemberId, member.Generation + 1));
        if (version >= 3)
        {
            SyncGroupRequest foreign = Request(member.GroupId, member.MemberId, member.Generation);
            foreign.GroupInstanceId = "other";
            Sync("an unknown instance", version, foreign);
        }
        if (version >= 5)
        {
            SyncGroupRequest type = Request(member.GroupId, member.MemberId, member.Generation);
            type.ProtocolType = "connect";
            Sync("another type", version, type);
            SyncGroupRequest protocol = Request(member.GroupId, member.MemberId, member.Generation);
            protocol.ProtocolName = "roundrobin";
            Sync("another protocol", version, protocol);
            SyncGroupRequest silent = Request(member.GroupId, member.MemberId, member.Generation);
            (silent.ProtocolType, silent.ProtocolName) = (null, null);
            Sync("neither type nor protocol", version, silent);
        }
        Sync("the member", version, Request(member.GroupId, member.MemberId, member.Generation));
    }

    private void Sync(string what, short version, SyncGroupRequest request) =>
        client.Try<SyncGroupResponse>(what, ApiKey.SyncGroup, version, request, SyncGroupResponse.TryRead);

    private void Heartbeats(short version)
    {
        ClassicMember member = ClassicMember.Join(client, $"beat-{version}", topic, version >= 3 ? Instance : null);
        HeartbeatRequest Request(string groupId, string memberId, int generation, string instance = Instance) =>
            new()
            {
                GroupId = groupId,
                MemberId = memberId,
                GenerationId = generation,
                GroupInstanceId = version >= 3 ? instance : null,
            };

        Beat("an empty group id", version, Request("", member.MemberId, 1));
        Beat("an unknown group", version, Request("none", member.MemberId, 1));
        Beat("an unknown member", version, Request(member.GroupId, Unknown, member.Generation));
        Beat("no member", version, Request(member.GroupId, "", member.Generation));
        Beat("an unknown instance", version, Request(member.GroupId, member.MemberId, member.Generation, "other"));
        Beat("an old generation", version, Request(member.GroupId, member.MemberId, member.Generation - 1));
        Beat("a coming generation", version, Request(member.GroupId, member.MemberId, member.Generation + 1));
        Beat("the member", version, Request(member.GroupId, member.MemberId, member.Generation));
    }

    private void Beat(string what, short version, HeartbeatRequest request) =>
        client.Try<HeartbeatResponse>(what, ApiKey.Heartbeat, version, request, HeartbeatResponse.TryRead);

    private void Leaves(short version)
    {
        ClassicMember member = ClassicMember.Join(client, $"leave-{version}", topic, version >= 3 ? Instance : null);
        Leave("an empty group id", version, "", [(member.MemberId, null)]);
        Leave("an unknown group", version, "none", [(member.MemberId, null)]);
        Leave("an unknown member", version, member.GroupId, [(Unknown, null)]);
        Leave("no member", version, member.GroupId, [("", null)]);
        if (version >= 3)
        {
            Leave("nobody", version, member.GroupId, []);
            Leave("an unknown instance", version, member.GroupId, [("", "other")]);
            Leave("a foreign instance", version, member.GroupId, [(Unknown, Instance)]);
            Leave("several", version, member.GroupId, [(Unknown, null), ("", Instance), ("", "other")]);
        }
        else
        {
            Leave("the member", version, member.GroupId, [(member.MemberId, null)]);
        }
        Leave("somebody who left", version, member.GroupId, [(member.MemberId, null)]);
    }

    private void Leave(string what, short version, string groupId, (string MemberId, string? InstanceId)[] members)
    {
        LeaveGroupRequest request = new() { GroupId = groupId };
        if (version < 3)
        {
            request.MemberId = members[0].MemberId;
        }
        else
        {
            request.Members =
            [
                .. members.Select(member => new LeaveGroupRequest.MemberIdentity
                {
                    MemberId = member.MemberId,
                    GroupInstanceId = member.InstanceId,
                }),
            ];
        }
        client.Try<LeaveGroupResponse>(what, ApiKey.LeaveGroup, version, request, LeaveGroupResponse.TryRead);
    }

    private void Describes()
    {
        ClassicMember member = ClassicMember.Join(client, "described", topic);
        foreach (short version in ScriptClient.Versions(ApiKey.DescribeGroups))
        {
            foreach (string group in new[] { member.GroupId, "none", "" })
            {
                DescribeGroupsRequest request = new() { Groups = [group] };
                client.Try<DescribeGroupsResponse>(
                    $"'{group}'",
                    ApiKey.DescribeGroups,
                    version,
                    request,
                    DescribeGroupsResponse.TryRead
                );
            }
        }
        foreach (short version in ScriptClient.Versions(ApiKey.ListGroups))
        {
            List("no filter", version, new ListGroupsRequest());
            if (version >= 4)
            {
                List("a state", version, new ListGroupsRequest { StatesFilter = ["stable"] });
                List("no such state", version, new ListGroupsRequest { StatesFilter = ["nothing"] });
            }
            if (version >= 5)
            {
                List("a type", version, new ListGroupsRequest { TypesFilter = ["CLASSIC"] });
                List("no such type", version, new ListGroupsRequest { TypesFilter = ["nothing"] });
            }
        }
    }

    private void List(string what, short version, ListGroupsRequest request) =>
        client.Try<ListGroupsResponse>(what, ApiKey.ListGroups, version, request, ListGroupsResponse.TryRead);

    private void Deletes()
    {
        ClassicMember member = ClassicMember.Join(client, "used", topic);
        foreach (short version in ScriptClient.Versions(ApiKey.DeleteGroups))
        {
            ClassicMember gone = ClassicMember.Join(client, $"left-{version}", topic);
            LeaveGroupRequest leave = new() { GroupId = gone.GroupId, MemberId = gone.MemberId };
            client.Ask<LeaveGroupResponse>(ApiKey.LeaveGroup, 2, leave, LeaveGroupResponse.TryRead);
            foreach (string group in new[] { member.GroupId, "none", "", gone.GroupId, gone.GroupId })
            {
                DeleteGroupsRequest request = new() { GroupsNames = [group] };
                client.Try<DeleteGroupsResponse>(
                    $"'{group}'",
                    ApiKey.DeleteGroups,
                    version,
                    request,
                    DeleteGroupsResponse.TryRead
                );
            }
        }
    }
}
