using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>The answers of JoinGroup and SyncGroup, in the form that the caller's version asks for.</summary>
internal static class ClassicAnswers
{
    public static JoinGroupResponse CurrentGeneration(ClassicGroup group, ClassicMember member, short version) =>
        new()
        {
            ErrorCode = (short)ErrorCode.None,
            MemberId = member.MemberId,
            GenerationId = group.Generation,
            ProtocolType = version >= 7 ? group.ProtocolType : null,
            ProtocolName = group.ProtocolName,
            Leader = group.LeaderId ?? "",
            Members = group.IsLeader(member.MemberId) ? MembersOf(group) : [],
        };

    public static List<JoinGroupResponse.JoinGroupResponseMember> MembersOf(ClassicGroup group)
    {
        List<JoinGroupResponse.JoinGroupResponseMember> members = [];
        foreach (ClassicMember member in group.Members)
        {
            members.Add(
                new JoinGroupResponse.JoinGroupResponseMember
                {
                    MemberId = member.MemberId,
                    GroupInstanceId = member.InstanceId,
                    Metadata = member.MetadataOf(group.ProtocolName),
                }
            );
        }
        return members;
    }

    public static JoinGroupResponse JoinError(string memberId, ErrorCode error, short version) =>
        new()
        {
            ErrorCode = (short)error,
            MemberId = memberId,
            GenerationId = -1,
            ProtocolName = version >= 7 ? null : "",
            Leader = "",
            Members = [],
        };

    public static SyncGroupResponse SyncError(ErrorCode error) => new() { ErrorCode = (short)error, Assignment = [] };

    public static SyncGroupResponse Assigned(ClassicGroup group, ClassicMember member) =>
        new()
        {
            ErrorCode = (short)ErrorCode.None,
            ProtocolType = group.ProtocolType,
            ProtocolName = group.ProtocolName,
            Assignment = member.Assignment,
        };
}
