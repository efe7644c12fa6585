using Aot.Broker.Base;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Connections;
using Aot.Broker.Server.Heartbeats;

namespace Aot.Broker.Server.Handlers;

/// <summary>Heartbeat (12). Where nothing changes for the member it is answered without an allocation.</summary>
internal sealed class HeartbeatHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<HeartbeatRequest, HeartbeatResponse>(server, HeartbeatRequest.TryRead),
        IBeatHandler
{
    private const short FirstWithInstances = 3;

    /// <summary>What everybody is told who goes on as before.</summary>
    private readonly HeartbeatResponse _goOn = new();

    public override ApiKey Key => ApiKey.Heartbeat;

    [HotPath]
    public override void Start(RequestSlot slot)
    {
        GroupBeat beat = Server.TakeGroupBeat();
        if (TryRead(slot, beat) && beat.TrySend(this))
        {
            return;
        }
        Server.ReturnGroupBeat(beat);
        base.Start(slot);
    }

    [HotPath]
    public bool TryBeat(Core owner, GroupBeat beat) => SteadyHeartbeats.TryClassic(owner, beat.Partition, beat.Content);

    [HotPath]
    public void OnBeat(RequestSlot slot, GroupBeat beat, bool isSteady)
    {
        if (isSteady)
        {
            Answer(slot, Key, _goOn, slot.Version);
        }
        else
        {
            base.Start(slot);
        }
    }

    protected override async ValueTask<HeartbeatResponse> HandleAsync(
        RequestContext context,
        HeartbeatRequest request
    ) => await groups.HeartbeatAsync(context.Core, context.Caller, request);

    [HotPath]
    private bool TryRead(RequestSlot slot, GroupBeat beat)
    {
        bool isFlexible = IsFlexible(slot.Version);
        WireReader reader = new(slot.Body);
        ReadOnlySpan<byte> groupId = reader.ReadStringBytes(isFlexible);
        int generation = reader.ReadInt32();
        ReadOnlySpan<byte> memberId = reader.ReadStringBytes(isFlexible);
        bool hasNoInstance = true;
        ReadOnlySpan<byte> instanceId =
            slot.Version >= FirstWithInstances
                ? reader.ReadNullableStringBytes(isFlexible, out hasNoInstance)
                : default;
        bool hasTags = isFlexible && reader.ReadUVarint() != 0;
        return reader is { IsValid: true, Remaining: 0 }
            && !hasTags
            && hasNoInstance == instanceId.IsEmpty
            && beat.TryFill(slot, groupId, memberId, instanceId, generation);
    }
}
