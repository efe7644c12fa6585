using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Perf.Client;

namespace Aot.Perf.Loads;

/// <summary>How members are in their group.</summary>
internal enum GroupProtocol
{
    /// <summary>Join, sync and heartbeat; a member divides the partitions.</summary>
    Classic,

    /// <summary>KIP-848: heartbeats only; the broker divides.</summary>
    Consumer,
}

/// <summary>One member of a group on a connection of its own, with one request under way.</summary>
internal abstract class GroupMember : IFrameTarget
{
    private readonly Connection _connection;
    private long _due;
    private bool _isBeat;

    protected GroupMember(EventLoop loop, LoadPlan plan, string group, int number)
    {
        Group = group;
        Topic = plan.Topic;
        _connection = Connection.Open(loop, plan.Broker, this, number, Load.SourceOf(number));
    }

    /// <summary>It has all that it is to have, and knows it.</summary>
    public bool IsSettled { get; protected set; }

    /// <summary>An answer is under way.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>How often it asked to be taken in.</summary>
    public int Joins { get; protected set; }

    /// <summary>Since when it has been settled, or not.</summary>
    public long ChangedAt { get; private set; }

    /// <summary>Hears of the answer to each heartbeat, with its due time.</summary>
    public Action<long>? BeatAnswered { get; set; }

    protected string Group { get; }

    protected string Topic { get; }

    public abstract void Join();

    public abstract void Leave();

    /// <summary>A sign of life that changes nothing.</summary>
    /// <param name="due">When it was to be sent.</param>
    public void Beat(long due)
    {
        _due = due;
        _isBeat = true;
        SendBeat();
    }

    protected abstract void SendBeat();

    protected abstract void OnAnswer(ReadOnlySpan<byte> frame);

    protected static bool IsForLater(ErrorCode error) =>
        error is ErrorCode.CoordinatorNotAvailable or ErrorCode.NotCoordinator or ErrorCode.CoordinatorLoadInProgress;

    protected void Send(ApiKey key, short version, IWireRequest request) =>
        Send(Caller.Frame(key, version, 0, request));

    protected void Send(byte[] frame)
    {
        IsWaiting = true;
        _connection.Send(frame);
    }

    protected static T Read<T>(ReadOnlySpan<byte> frame, ApiKey key, short version, ResponseRead<T> read)
    {
        WireReader reader = new(frame[Caller.BodyAt(key, version)..]);
        return read(ref reader, version, out T answer)
            ? answer
            : throw new LoadException($"the broker's answer to {key} version {version} cannot be read");
    }

    void IFrameTarget.OnFrame(Connection connection, ReadOnlySpan<byte> frame)
    {
        IsWaiting = false;
        if (_isBeat)
        {
            _isBeat = false;
            BeatAnswered?.Invoke(_due);
        }
        bool wasSettled = IsSettled;
        OnAnswer(frame);
        if (!wasSettled || !IsSettled)
        {
            ChangedAt = EventLoop.Now;
        }
    }

    void IFrameTarget.OnLost(Connection connection, string why) =>
        throw new LoadException($"a member's connection was lost: {why}");
}
