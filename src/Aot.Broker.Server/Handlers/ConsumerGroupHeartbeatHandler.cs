using Aot.Broker.Base;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Connections;
using Aot.Broker.Server.Heartbeats;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// ConsumerGroupHeartbeat (68), KIP-848. Where nothing changes for the member it is answered without an allocation.
/// </summary>
internal sealed class ConsumerGroupHeartbeatHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(
        server,
        ConsumerGroupHeartbeatRequest.TryRead
    ),
        IBeatHandler
{
    private const short FirstWithRegex = 1;

    /// <summary>An absent array or string of the compact form.</summary>
    private const uint Null = 0;

    /// <summary>Filled and written within one call.</summary>
    private readonly ConsumerGroupHeartbeatResponse _goOn = new();

    public override ApiKey Key => ApiKey.ConsumerGroupHeartbeat;

    [HotPath]
    public override void Start(RequestSlot slot)
    {
        GroupBeat beat = Server.TakeGroupBeat();
        if (TryRead(slot, beat) && groups.ServesConsumerGroups(Server.Image) && beat.TrySend(this))
        {
            return;
        }
        Server.ReturnGroupBeat(beat);
        base.Start(slot);
    }

    [HotPath]
    public bool TryBeat(Core owner, GroupBeat beat)
    {
        bool isSteady = SteadyHeartbeats.TryConsumer(owner, beat.Partition, beat.Content, out SteadyAnswer answer);
        beat.Answer = answer;
        return isSteady;
    }

    [HotPath]
    public void OnBeat(RequestSlot slot, GroupBeat beat, bool isSteady)
    {
        if (!isSteady)
        {
            base.Start(slot);
            return;
        }
        _goOn.MemberId = beat.Answer.MemberId;
        _goOn.MemberEpoch = beat.Answer.Epoch;
        _goOn.HeartbeatIntervalMs = beat.Answer.IntervalMs;
        Answer(slot, Key, _goOn, slot.Version);
    }

    protected override async ValueTask<ConsumerGroupHeartbeatResponse> HandleAsync(
        RequestContext context,
        ConsumerGroupHeartbeatRequest request
    ) =>
        groups.ServesConsumerGroups(context.Image)
            ? await groups.ConsumerHeartbeatAsync(context.Core, context.Caller, request)
            : new ConsumerGroupHeartbeatResponse { ErrorCode = (short)ErrorCode.UnsupportedVersion };

    /// <summary>False for everything but a member's sign of life: what joins, leaves or tells something goes the ordinary way.</summary>
    [HotPath]
    private static bool TryRead(RequestSlot slot, GroupBeat beat)
    {
        WireReader reader = new(slot.Body);
        ReadOnlySpan<byte> groupId = reader.ReadStringBytes(compact: true);
        ReadOnlySpan<byte> memberId = reader.ReadStringBytes(compact: true);
        int epoch = reader.ReadInt32();
        ReadOnlySpan<byte> instanceId = reader.ReadNullableStringBytes(compact: true, out bool hasNoInstance);
        bool tellsRack = reader.ReadUVarint() != Null;
        if (tellsRack || epoch <= 0 || memberId.IsEmpty || hasNoInstance != instanceId.IsEmpty)
        {
            return false;
        }
        bool tellsTimeout = reader.ReadInt32() != -1;
        bool tellsNames = !tellsTimeout && reader.ReadUVarint() != Null;
        bool tellsRegex = !tellsNames && slot.Version >= FirstWithRegex && reader.ReadUVarint() != Null;
        bool tellsAssignor = !tellsRegex && reader.ReadUVarint() != Null;
        bool tellsPartitions = !tellsAssignor && reader.ReadUVarint() != Null;
        bool hasTags = !tellsPartitions && reader.ReadUVarint() != 0;
        return !(tellsTimeout || tellsNames || tellsRegex || tellsAssignor || tellsPartitions || hasTags)
            && reader is { IsValid: true, Remaining: 0 }
            && beat.TryFill(slot, groupId, memberId, instanceId, epoch);
    }
}
