using System.Buffers;
using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server.Heartbeats;

/// <summary>What becomes of a heartbeat: see <see cref="GroupBeat"/>.</summary>
internal interface IBeatHandler
{
    /// <summary>On the core of the group. True: nothing has changed for the member, and the answer is in the beat.</summary>
    bool TryBeat(Core owner, GroupBeat beat);

    /// <summary>Back on the core of the connection; the beat is free after it.</summary>
    void OnBeat(RequestSlot slot, GroupBeat beat, bool isSteady);
}

/// <summary>
/// A heartbeat on its way to the core of its group and back, without an allocation. Pooled per core of connections; at any time
/// one core owns it. The request's frame stays where it is: when the group's core does not find the ordinary case, the request
/// is read again and goes the way of every other control request.
/// </summary>
internal sealed class GroupBeat(ServerCore home) : IMailTarget
{
    private const int KindBeat = 0;
    private const int KindAnswer = 1;

    /// <summary>Characters of all ids together; longer ones go the ordinary way.</summary>
    private const int TextMax = 1024;

    private readonly char[] _text = new char[TextMax];
    private IBeatHandler _handler = null!;
    private RequestSlot _slot = null!;
    private string _clientHost = "";
    private int _groupEnd;
    private int _memberEnd;
    private int _instanceEnd;
    private int _clientEnd;
    private int _partition;
    private bool _isSteady;

    /// <summary>The generation, or the member epoch.</summary>
    public int Epoch { get; private set; }

    /// <summary>Set by the group's core for a member of a consumer group.</summary>
    public SteadyAnswer Answer { get; set; }

    public int Partition => _partition;

    public SteadyBeat Content =>
        new()
        {
            GroupId = _text.AsSpan(0, _groupEnd),
            MemberId = _text.AsSpan(_groupEnd, _memberEnd - _groupEnd),
            InstanceId = _text.AsSpan(_memberEnd, _instanceEnd - _memberEnd),
            ClientId = _text.AsSpan(_instanceEnd, _clientEnd - _instanceEnd),
            Epoch = Epoch,
            ClientHost = _clientHost,
        };

    /// <summary>Takes over the ids; false when they are too long, or other than ASCII.</summary>
    [HotPath]
    public bool TryFill(
        RequestSlot slot,
        ReadOnlySpan<byte> groupId,
        ReadOnlySpan<byte> memberId,
        ReadOnlySpan<byte> instanceId,
        int epoch
    )
    {
        ReadOnlySpan<byte> clientId =
            slot.ClientIdLength < 0 ? default : slot.FrameBytes.Slice(slot.ClientIdOffset, slot.ClientIdLength);
        _slot = slot;
        _clientHost = slot.Connection.ClientHost;
        Epoch = epoch;
        return TryAppend(groupId, 0, out _groupEnd)
            && TryAppend(memberId, _groupEnd, out _memberEnd)
            && TryAppend(instanceId, _memberEnd, out _instanceEnd)
            && TryAppend(clientId, _instanceEnd, out _clientEnd);
    }

    /// <summary>False when nobody answers for the group; else the handler hears of it, now or later.</summary>
    [HotPath]
    public bool TrySend(IBeatHandler handler)
    {
        if (!SteadyHeartbeats.TryPlace(home.Core, _text.AsSpan(0, _groupEnd), out _partition, out CoreIndex owner))
        {
            return false;
        }
        _handler = handler;
        if (owner == home.Core.Index)
        {
            _isSteady = handler.TryBeat(home.Core, this);
            Finish();
            return true;
        }
        home.Core.Post(owner, new Mail { Target = this, Kind = KindBeat });
        return true;
    }

    [HotPath]
    public void Receive(Core core, in Mail mail)
    {
        if (mail.Kind == KindAnswer)
        {
            Finish();
            return;
        }
        _isSteady = _handler.TryBeat(core, this);
        core.Post(home.Core.Index, new Mail { Target = this, Kind = KindAnswer });
    }

    [HotPath]
    private void Finish()
    {
        RequestSlot slot = _slot;
        _slot = null!;
        _handler.OnBeat(slot, this, _isSteady);
        home.ReturnGroupBeat(this);
    }

    [HotPath]
    private bool TryAppend(ReadOnlySpan<byte> ascii, int start, out int end)
    {
        end = start + ascii.Length;
        return end <= TextMax && Ascii.ToUtf16(ascii, _text.AsSpan(start), out _) == OperationStatus.Done;
    }
}
