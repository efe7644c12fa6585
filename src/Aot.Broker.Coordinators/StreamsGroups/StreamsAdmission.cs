using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>
/// Who sends a heartbeat and with which topology: everything that can refuse it, looked at before anything changes. Used
/// once, within one turn of the shard's core.
/// </summary>
internal sealed class StreamsAdmission(GroupShard shard, StreamsGroupHeartbeatRequest request)
{
    public const string Kind = "streams";
    private const string Title = "Streams group";

    /// <summary>As a group is called by somebody who leaves it.</summary>
    public const string LeavingTitle = "Group";

    /// <summary>Null for a new one.</summary>
    public StreamsGroup? Group { get; } = shard.FindStreams(request.GroupId);

    /// <summary>The member as it was; without anything for a newcomer; what its predecessor had, for a successor.</summary>
    public StreamsMember Before { get; private set; } = new(request.MemberId);

    /// <summary>The static member that was away and is succeeded.</summary>
    public StreamsMember? Replaced { get; private set; }

    /// <summary>The group's, or what the first member declares.</summary>
    public StreamsTopology Topology { get; private set; } = null!;

    public ConfiguredTopology Configured { get; private set; } = null!;

    public MetadataImage Image { get; } = shard.Metadata.Image;

    /// <summary>Of the topics that the topology requires.</summary>
    public long MetadataHash { get; private set; }

    private bool Joins => request.MemberEpoch == 0;

    public Refusal? Check() => CheckGroup() ?? CheckMember() ?? CheckTopology() ?? ConfigureTopics();

    /// <summary>What the member says it holds; null when it does not say.</summary>
    public static MemberTasks? Owned(StreamsGroupHeartbeatRequest request) =>
        request is { ActiveTasks: { } active, StandbyTasks: { } standby, WarmupTasks: { } warmup }
            ? new MemberTasks(Read(active), Read(standby), Read(warmup))
            : null;

    private static TaskSet Read(List<StreamsGroupHeartbeatRequest.TaskIds> tasks) =>
        TaskSet.Of(tasks.SelectMany(ids => ids.Partitions.Select(p => new StreamsTask(ids.SubtopologyId, p))));

    private Refusal? CheckGroup()
    {
        if (Group is null)
        {
            return Joins && shard.HasRoomFor(request.GroupId)
                ? null
                : MemberRefusals.NoGroup(shard, request.GroupId, Kind, Title);
        }
        int sizeMax = shard.Options.Streams.SizeMax;
        bool isFull =
            Joins
            && Group.Members.Count >= sizeMax
            && Group.Find(request.MemberId) is null
            && (request.InstanceId is null || Group.FindStatic(request.InstanceId) is null);
        return isFull ? MemberRefusals.Full(Kind, sizeMax) : null;
    }

    private Refusal? CheckMember()
    {
        StreamsMember? known = request.InstanceId is { } instanceId
            ? Group?.FindStatic(instanceId)
            : Group?.Find(request.MemberId);
        if (known is null)
        {
            return Joins ? null
                : request.InstanceId is null ? MemberRefusals.NoMember(request.GroupId, request.MemberId)
                : MemberRefusals.NoInstance(request.InstanceId);
        }
        if (Joins && request.InstanceId is not null)
        {
            if (!known.IsAway)
            {
                return MemberRefusals.UnreleasedInstance(request.MemberId, request.InstanceId, known.MemberId);
            }
            Replaced = known;
            Before = known with { MemberId = request.MemberId, Epoch = 0, PreviousEpoch = 0 };
            return null;
        }
        if (known.MemberId != request.MemberId)
        {
            return MemberRefusals.FencedInstance(request.MemberId, request.InstanceId!, known.MemberId);
        }
        Before = known;
        return Joins ? null : CheckEpoch(known);
    }

    /// <summary>The epoch before is accepted from somebody whose answer was lost: it holds nothing that it should not.</summary>
    private Refusal? CheckEpoch(StreamsMember member)
    {
        MemberTasks? owned = Owned(request);
        bool isFenced =
            request.MemberEpoch > member.Epoch
            || (
                request.MemberEpoch < member.Epoch
                && (request.MemberEpoch != member.PreviousEpoch || owned is null || !member.Assigned.Contains(owned))
            );
        if (isFenced)
        {
            return MemberRefusals.WrongEpoch(Kind, request.MemberEpoch, member.Epoch);
        }
        return member.State == MemberState.Unknown && owned is not { IsEmpty: true }
            ? new Refusal(
                ErrorCode.FencedMemberEpoch,
                "The streams group member is in a unknown state. The member must abandon all its tasks and rejoin."
            )
            : null;
    }

    /// <summary>All members run the same topology. One with an older epoch is told so, and may stay.</summary>
    private Refusal? CheckTopology()
    {
        StreamsTopology? topology = Group?.Topology;
        if (request.Topology is { } declared && (topology is null || declared.Epoch >= topology.Epoch))
        {
            StreamsTopology told = StreamsTopology.From(declared);
            if (topology is not null && !topology.IsSame(told))
            {
                return new Refusal(ErrorCode.InvalidRequest, "Topology updates are not supported yet.");
            }
            topology ??= told;
        }
        if (topology is null)
        {
            return new Refusal(ErrorCode.UnknownServerError, "The group has no topology.");
        }
        Topology = topology;
        return null;
    }

    private Refusal? ConfigureTopics()
    {
        bool isKnown = Group?.Configured is not null && ReferenceEquals(Group.ConfiguredImage, Image);
        MetadataHash = isKnown ? Group!.State.MetadataHash : TopicsHash.Of(Topology.RequiredTopics, Image);
        // The same topics give the same numbers.
        ConfiguredTopology? configured =
            Group?.Configured is not null && MetadataHash == Group.State.MetadataHash ? Group.Configured : null;
        if (configured is null)
        {
            configured = TopicConfiguration.Find(Topology, Image, out Refusal unfit);
            if (configured is null)
            {
                return unfit;
            }
        }
        Configured = configured;
        return configured.IsReady ? StreamsHeartbeatRules.CheckTasks(request, configured) : null;
    }
}
