using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Connections;
using Aot.Broker.Server.Fetch;
using Aot.Broker.Server.Heartbeats;
using Aot.Broker.Server.Produce;
using Aot.Broker.Server.Share;
using Aot.Broker.Storage;

namespace Aot.Broker.Server;

/// <summary>
/// What the server keeps on one core: its connections, its handlers, and the pools that make steady produce and fetch free
/// of allocation. Attached to the core (<c>core.Get&lt;ServerCore&gt;()</c>); everything in it belongs to that core's thread.
/// </summary>
internal sealed class ServerCore : IMailTarget, ITurnEnd, ITimerTarget
{
    private const int KindAccepted = 0;
    private const int KindRefused = 1;

    /// <summary>How long a connection may wait for memory while it holds a part of a frame.</summary>
    private const long BudgetWaitMillis = 30_000;
    private const long BudgetPollMillis = 5;
    private const long TokenBudget = 1;
    private const long TokenShares = 2;
    private const long SharesSweepMillis = 500;

    /// <summary>
    /// Requests in progress on a core before its pools grow: two connections with as many as a connection may have. The
    /// filled pools take half a megabyte a core.
    /// </summary>
    private const int RequestsFilled = 2 * AnswerQueue.Capacity;

    /// <summary>Fetches in progress on a core before its pools grow; a connection has one at a time.</summary>
    private const int FetchesFilled = 32;

    /// <summary>Heartbeats under way to another core before their pool grows; each takes 2 KB.</summary>
    private const int GroupBeatsFilled = 8;

    /// <summary>Shares of fetches for one other core, where there are many cores.</summary>
    private const int SharesFilledMin = 4;

    private readonly Dictionary<long, Connection> _connections = [];
    private readonly Pool<RequestSlot> _slots;
    private readonly Pool<ProduceWork> _produceWorks;
    private readonly Pool<ProduceShare> _produceShares;
    private readonly Pool<FetchWork> _fetchWorks;
    private readonly Pool<FetchShare>[] _fetchShares;
    private readonly Pool<GroupBeat> _groupBeats;
    private readonly Func<FetchShare, bool> _sendsHome;
    private readonly Queue<(Connection Connection, long SinceMillis)> _waitingForBudget = new(FetchesFilled);
    private readonly MetadataView _view;
    private LogSet? _logs;
    private long _lastConnectionId;
    private bool _isResuming;
    private bool _isSweepArmed;
    private bool _isPollArmed;
    private bool _isDraining;
    private TaskCompletionSource? _drained;

    public ServerCore(Core core, BrokerServer server)
    {
        Core = core;
        Server = server;
        _view = core.Get<MetadataView>();
        _slots = new Pool<RequestSlot>(RequestsFilled, () => new RequestSlot(this));
        _produceWorks = new Pool<ProduceWork>(RequestsFilled, () => new ProduceWork(this));
        _produceShares = new Pool<ProduceShare>(RequestsFilled, () => new ProduceShare(this));
        _fetchShares = new Pool<FetchShare>[core.CoreCount];
        int shares = Math.Max(SharesFilledMin, FetchesFilled / core.CoreCount);
        for (int i = 0; i < _fetchShares.Length; i++)
        {
            CoreIndex target = new(i);
            _fetchShares[i] = new Pool<FetchShare>(shares, () => new FetchShare(this, target));
        }
        _sendsHome = SendsHome;
        _groupBeats = new Pool<GroupBeat>(GroupBeatsFilled, () => new GroupBeat(this));
        FetchSessions = new FetchSessionCache(Math.Max(1, Options.FetchSessionsMax / core.CoreCount), core.NextRandom);
        TopicCreation = new TopicCreation(this);
        core.Set<IStateTopicCreation>(TopicCreation);
        _fetchWorks = new Pool<FetchWork>(FetchesFilled, () => new FetchWork(this));
        ShareSessions = new ShareSessions(this);
        if (server is { SharePersister: { } persister, Groups: { } groups })
        {
            SharePartitions = new SharePartitions(this, groups.Options.Shares, persister);
            ShareCensus = core.Index.Value == 0 ? new ShareSessionCensus(this, Options.ShareSessionsMax) : null;
        }
        Verification = server.Transactions is { } transactions ? new TransactionVerification(core, transactions) : null;
        Handlers = new HandlerTable(HandlerRegistry.Create(this));
    }

    public Core Core { get; }

    public BrokerServer Server { get; }

    public ServerOptions Options => Server.Options;

    public Logger Log => Server.Log;

    public HandlerTable Handlers { get; }

    public TopicNameTable TopicNames { get; } = new();

    public FetchSessionCache FetchSessions { get; }

    public TopicCreation TopicCreation { get; }

    /// <summary>Null: share groups are not served.</summary>
    public SharePartitions? SharePartitions { get; }

    public ShareSessions ShareSessions { get; }

    /// <summary>Of the whole broker; on core 0 only.</summary>
    public ShareSessionCensus? ShareCensus { get; }

    /// <summary>Null: transactional records are appended as they come.</summary>
    public TransactionVerification? Verification { get; }

    public LogSet Logs => _logs ??= Core.Get<LogSet>();

    public MetadataImage Image => _view.Image;

    public int ConnectionCount => _connections.Count;

    // Connections ----------------------------------------------------------------------------------------------------

    /// <summary>From the listener: a socket becomes a connection of this core.</summary>
    public static Mail AcceptedMail(ServerCore target, Fd socket, int listener) =>
        new()
        {
            Target = target,
            Kind = KindAccepted,
            A = socket.Value,
            B = listener,
        };

    /// <summary>From the core that counts connections: one too many for its address.</summary>
    public static Mail RefusedMail(ServerCore target, long connection) =>
        new()
        {
            Target = target,
            Kind = KindRefused,
            A = connection,
        };

    public void Receive(Core core, in Mail mail)
    {
        if (mail.Kind == KindAccepted)
        {
            Open(new Fd((int)mail.A), Options.Listeners[(int)mail.B]);
            return;
        }
        if (_connections.TryGetValue(mail.A, out Connection? connection))
        {
            connection.CloseBecause("closed: too many connections of this address");
        }
    }

    public void OnConnectionClosed(Connection connection)
    {
        _connections.Remove(connection.Id);
        Server.Census.Closed(Core, connection);
        ShareSessions.OnConnectionClosed(connection.Id);
        if (_isDraining && _connections.Count == 0)
        {
            _drained?.TrySetResult();
        }
    }

    /// <summary>Answers what is in flight, closes every connection, and completes when all are closed.</summary>
    public Task DrainAsync()
    {
        _isDraining = true;
        _drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (Connection connection in _connections.Values.ToArray())
        {
            connection.Drain();
        }
        if (_connections.Count == 0)
        {
            _drained.TrySetResult();
        }
        return _drained.Task;
    }

    public void CloseAll()
    {
        foreach (Connection connection in _connections.Values.ToArray())
        {
            connection.Close();
        }
    }

    // Pools ----------------------------------------------------------------------------------------------------------

    [HotPath]
    public RequestSlot TakeSlot() => _slots.Take();

    [HotPath]
    public void ReturnSlot(RequestSlot slot)
    {
        slot.Reset();
        _slots.Return(slot);
    }

    [HotPath]
    public ProduceWork TakeProduceWork() => _produceWorks.Take();

    [HotPath]
    public void ReturnProduceWork(ProduceWork work) => _produceWorks.Return(work);

    [HotPath]
    public ProduceShare TakeProduceShare() => _produceShares.Take();

    [HotPath]
    public void ReturnProduceShare(ProduceShare share) => _produceShares.Return(share);

    [HotPath]
    public GroupBeat TakeGroupBeat() => _groupBeats.Take();

    [HotPath]
    public void ReturnGroupBeat(GroupBeat beat) => _groupBeats.Return(beat);

    [HotPath]
    public FetchWork TakeFetchWork() => _fetchWorks.Take();

    [HotPath]
    public void ReturnFetchWork(FetchWork work) => _fetchWorks.Return(work);

    [HotPath]
    public FetchShare TakeFetchShare(CoreIndex target) => _fetchShares[target.Value].Take();

    /// <summary>
    /// The answer was sent. Leases of this core go now; those of another core go with the share's next trip there, or when
    /// it lies unused for a while.
    /// </summary>
    [HotPath]
    public void ReturnFetchShare(FetchShare share)
    {
        share.Work = null;
        if (share.Target == Core.Index)
        {
            share.ReleaseLeases();
        }
        else if (share.HoldsLeases && !_isSweepArmed)
        {
            _isSweepArmed = true;
            Core.Timers.Schedule(Core.NowMillis + SharesSweepMillis, this, TokenShares);
        }
        KeepFetchShare(share);
    }

    [HotPath]
    public void KeepFetchShare(FetchShare share) => _fetchShares[share.Target.Value].Return(share);

    // Memory ---------------------------------------------------------------------------------------------------------

    /// <summary>The connection reads on when the budget has room again.</summary>
    /// <param name="connection">Waits for room.</param>
    /// <param name="sinceMillis">When it began to, if it only goes on waiting; else 0.</param>
    public void WaitForBudget(Connection connection, long sinceMillis)
    {
        _waitingForBudget.Enqueue((connection, sinceMillis == 0 ? Core.NowMillis : sinceMillis));
        if (!_isPollArmed)
        {
            _isPollArmed = true;
            Core.Timers.Schedule(Core.NowMillis + BudgetPollMillis, this, TokenBudget);
        }
    }

    /// <summary>Bytes of requests were returned on this core.</summary>
    [HotPath]
    public void OnBudgetReturned(bool isOtherCoreWaiting)
    {
        // Another core polls while it waits: see OnTimer.
        if (_waitingForBudget.Count > 0 && !_isResuming)
        {
            _isResuming = true;
            Core.RunLater(this);
        }
    }

    public void OnTurnEnd()
    {
        _isResuming = false;
        ResumeWaiting();
    }

    public void OnTimer(long token)
    {
        if (token == TokenShares)
        {
            _isSweepArmed = false;
            SweepShares();
            return;
        }
        _isPollArmed = false;
        ResumeWaiting();
    }

    /// <summary>A buffer for an answer; when memory is used up the request ends with its connection.</summary>
    [HotPath]
    public bool TryRentForAnswer(RequestSlot slot, int bytes, out BufferHandle buffer)
    {
        if (bytes <= Limits.BufferBytesMax && Core.Buffers.TryRent(bytes, out buffer))
        {
            return true;
        }
        buffer = default;
        slot.FinishByClosing("closed: no memory for an answer");
        return false;
    }

    // Answers --------------------------------------------------------------------------------------------------------

    /// <summary>The tagged section with the addresses of leaders that an answer named (KIP-951).</summary>
    public void WriteNodeEndpoints(ref WireWriter writer, Connection connection)
    {
        WireWriter measure = WireWriter.Measuring();
        WriteEndpoints(ref measure, connection);
        writer.WriteUVarint(1);
        writer.WriteUVarint(0);
        writer.WriteUVarint((uint)measure.Position);
        WriteEndpoints(ref writer, connection);
    }

    /// <summary>The addresses of all brokers, as a list of the protocol.</summary>
    public void WriteEndpoints(ref WireWriter writer, Connection connection)
    {
        List<NodeAddress> nodes = NodeAddresses.Alive(Image, connection);
        writer.WriteCount(nodes.Count, flexible: true);
        foreach (NodeAddress node in nodes)
        {
            writer.WriteInt32(node.Id);
            writer.WriteString(node.Host, compact: true);
            writer.WriteInt32(node.Port);
            writer.WriteNullableString(node.Rack, compact: true);
            writer.WriteUVarint(0);
        }
    }

    private void Open(Fd socket, ListenerOptions listener)
    {
        Connection connection = new(this, listener, ++_lastConnectionId);
        _connections.Add(connection.Id, connection);
        connection.Open(socket);
        Server.Census.Opened(Core, connection);
        if (_isDraining)
        {
            connection.Close();
        }
    }

    private void ResumeWaiting()
    {
        for (int i = _waitingForBudget.Count; i > 0; i--)
        {
            (Connection connection, long since) = _waitingForBudget.Dequeue();
            if (connection.IsClosing)
            {
                continue;
            }
            if (Core.NowMillis - since > BudgetWaitMillis)
            {
                connection.CloseBecause("closed: waited too long for memory for a request");
                continue;
            }
            connection.OnBudgetReturned(since);
        }
    }

    /// <summary>Shares of other cores that lie here with leases go home once, so that old segments can be closed.</summary>
    private void SweepShares()
    {
        foreach (Pool<FetchShare> shares in _fetchShares)
        {
            shares.TakeWhere(_sendsHome);
        }
    }

    private bool SendsHome(FetchShare share)
    {
        bool isDue = share.HoldsLeases && share.Target != Core.Index;
        if (isDue)
        {
            share.SendRelease();
        }
        return isDue;
    }
}
