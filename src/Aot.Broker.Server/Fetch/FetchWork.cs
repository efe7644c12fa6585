using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Server.Connections;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Fetch;

/// <summary>
/// A fetch in progress: session, one <see cref="FetchShare"/> per core that owns a partition of it, the decision when to
/// answer. Pooled per core.
///
/// The answer goes out when the shares together have the bytes that were asked for, when one of them ends the wait (an error,
/// or the time), or when the connection or the broker stops; the shares that are still out are collected first.
/// </summary>
internal sealed class FetchWork : IPendingWork
{
    private readonly ServerCore _server;
    private readonly FetchRequestReader _request;
    private readonly FetchAnswer _answer;
    private readonly FetchShare?[] _shares;
    private int _sharesOut;
    private bool _isEnding;
    private FetchSession? _session;
    private bool _isIncremental;
    private int _bytesMin;
    private int _bytesMax;

    public FetchWork(ServerCore server)
    {
        _server = server;
        _request = new FetchRequestReader(server.TopicNames);
        _shares = new FetchShare?[server.Core.CoreCount];
        _answer = new FetchAnswer(server, _request, _shares);
    }

    public RequestSlot Slot { get; private set; } = null!;

    [HotPath]
    public bool TryRead(RequestSlot slot)
    {
        Slot = slot;
        _session = null;
        _isIncremental = false;
        _isEnding = false;
        if (!_request.TryRead(slot.Body, slot.Version))
        {
            return false;
        }
        slot.ReleaseFrame();
        return true;
    }

    [HotPath]
    public void Start()
    {
        ErrorCode error = OpenSession();
        if (error != ErrorCode.None)
        {
            _request.Clear();
            Answer(error);
            return;
        }
        _bytesMax = Math.Max(Math.Min(_request.BytesMax, _server.Options.FetchBytesMax), 0);
        _bytesMin = Math.Min(_request.BytesMin, _bytesMax);
        bool mayWait = _request.MaxWaitMillis > 0 && _bytesMin > 0 && _request.Count > 0;
        mayWait &= Distribute();
        SendShares(mayWait);
    }

    [HotPath]
    public void OnShareAnswered(FetchShare share)
    {
        // It counts as out until the end of this method, so that a share that is collected here does not answer first.
        if (!_isEnding)
        {
            if (share.EndsWait || share.NeedBytes == 0 || BytesFound() >= _bytesMin)
            {
                End();
            }
            else
            {
                // Something came, but not enough: on until this share has more.
                share.NeedBytes = (int)Math.Min(share.Bytes + 1, int.MaxValue);
                share.Send();
                return;
            }
        }
        if (--_sharesOut == 0)
        {
            Answer();
        }
    }

    public void Abandon()
    {
        if (_sharesOut > 0)
        {
            End();
        }
    }

    public void OnAnswerGone()
    {
        for (int i = 0; i < _shares.Length; i++)
        {
            if (_shares[i] is { } share)
            {
                _shares[i] = null;
                _server.ReturnFetchShare(share);
            }
        }
        _session = null;
        Slot = null!;
        _server.ReturnFetchWork(this);
    }

    /// <summary>
    /// Epoch 0 asks for everything and opens a session if there is room, epoch -1 asks for everything without one, and any
    /// other epoch continues a session: the request then names only what changed.
    /// </summary>
    [HotPath]
    private ErrorCode OpenSession()
    {
        bool usesTopicIds = Slot.Version >= FetchRequestReader.FirstWithTopicIds;
        long now = _server.Core.NowMillis;
        if (_request.SessionEpoch is FetchSession.InitialEpoch or FetchSession.FinalEpoch)
        {
            if (_request.SessionId != 0)
            {
                _server.FetchSessions.Remove(_request.SessionId);
            }
            if (_request.SessionEpoch == FetchSession.InitialEpoch && _request.Count > 0)
            {
                _session = _server.FetchSessions.TryCreate(usesTopicIds, now);
                RememberPartitions();
            }
            return ErrorCode.None;
        }
        ErrorCode error = _server.FetchSessions.TryUse(
            _request.SessionId,
            _request.SessionEpoch,
            usesTopicIds,
            now,
            out _session
        );
        if (error != ErrorCode.None)
        {
            return error;
        }
        RememberPartitions();
        foreach (SessionKey key in _request.Forgotten)
        {
            _session!.Forget(key);
        }
        _request.Clear();
        for (SessionPartition? partition = _session!.First; partition is not null; partition = partition.Next)
        {
            AddFromSession(partition);
        }
        if (_session.Count == 0)
        {
            _server.FetchSessions.Remove(_session.Id);
            _session = null;
            return ErrorCode.None;
        }
        _isIncremental = true;
        return ErrorCode.None;
    }

    [HotPath]
    private void RememberPartitions()
    {
        if (_session is null)
        {
            return;
        }
        for (int i = 0; i < _request.Count; i++)
        {
            ref FetchEntry entry = ref _request.Entries[i];
            SessionPartition partition = _session.Get(
                new SessionKey(entry.Name?.Text, entry.TopicId, entry.Partition),
                entry.Name
            );
            partition.FetchOffset = entry.FetchOffset;
            partition.BytesMax = entry.BytesMax;
            partition.CurrentLeaderEpoch = entry.CurrentLeaderEpoch;
            partition.LastFetchedEpoch = entry.LastFetchedEpoch;
            entry.Session = partition;
        }
    }

    [HotPath]
    private void AddFromSession(SessionPartition partition)
    {
        ref FetchEntry entry = ref _request.Add();
        entry.Name = partition.Name;
        entry.TopicId = partition.Key.TopicId;
        entry.Partition = partition.Key.Partition;
        entry.FetchOffset = partition.FetchOffset;
        entry.BytesMax = partition.BytesMax;
        entry.CurrentLeaderEpoch = partition.CurrentLeaderEpoch;
        entry.LastFetchedEpoch = partition.LastFetchedEpoch;
        entry.Session = partition;
    }

    /// <summary>Puts every partition into the share of its core; false when one of them cannot be read here.</summary>
    [HotPath]
    private bool Distribute()
    {
        MetadataImage image = _server.Image;
        bool isClean = true;
        for (int i = 0; i < _request.Count; i++)
        {
            ref FetchEntry entry = ref _request.Entries[i];
            TopicImage? topic = entry.Name is null ? image.Topic(entry.TopicId) : entry.Name.In(image);
            PartitionImage? partition = topic?.Partition(entry.Partition);
            if (partition is null)
            {
                entry.Error =
                    topic is null && entry.Name is null ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition;
                isClean = false;
                continue;
            }
            if (partition.Leader != _server.Options.NodeId)
            {
                entry.Error = ErrorCode.NotLeaderOrFollower;
                entry.LeaderId = partition.Leader;
                entry.LeaderEpoch = partition.LeaderEpoch;
                isClean = false;
                continue;
            }
            CoreIndex target = PartitionPlacement.CoreOf(topic!.Id, entry.Partition, _server.Core.CoreCount);
            FetchShare share = _shares[target.Value] ?? BeginShare(target);
            entry.ShareCore = target.Value;
            entry.ShareItem = share.Count;
            ref FetchItem item = ref share.Add();
            item.TopicId = topic.Id;
            item.Partition = entry.Partition;
            item.FetchOffset = entry.FetchOffset;
            item.BytesMax = Math.Max(entry.BytesMax, 0);
            item.CurrentLeaderEpoch = entry.CurrentLeaderEpoch;
            item.LastFetchedEpoch = entry.LastFetchedEpoch;
        }
        return isClean;
    }

    [HotPath]
    private FetchShare BeginShare(CoreIndex target)
    {
        FetchShare share = _server.TakeFetchShare(target);
        share.Begin(this);
        share.BytesMax = _bytesMax;
        share.DeadlineMillis = _server.Core.NowMillis + Math.Max(_request.MaxWaitMillis, 0);
        share.Isolation =
            _request.ReplicaId >= 0 ? ReadIsolation.LogEnd
            : _request.IsReadCommitted ? ReadIsolation.LastStableOffset
            : ReadIsolation.HighWatermark;
        _shares[target.Value] = share;
        return share;
    }

    [HotPath]
    private void SendShares(bool mayWait)
    {
        int count = 0;
        foreach (FetchShare? share in _shares)
        {
            count += share is null ? 0 : 1;
        }
        // One more than the shares, so that answers that come at once do not end the request while it is being sent.
        _sharesOut = count + 1;
        foreach (FetchShare? share in _shares)
        {
            if (share is not null)
            {
                // Alone it can wait for all the bytes; of several, each tells when it has any. One of this core answers
                // inside its call, and when that ended the wait the others are asked for what they have.
                share.NeedBytes =
                    !mayWait || _isEnding ? 0
                    : count == 1 ? _bytesMin
                    : 1;
                share.Send();
            }
        }
        if (--_sharesOut == 0)
        {
            Answer();
        }
    }

    [HotPath]
    private long BytesFound()
    {
        long bytes = 0;
        foreach (FetchShare? share in _shares)
        {
            bytes += share is { IsOut: false } ? share.Bytes : 0;
        }
        return bytes;
    }

    /// <summary>Asks the shares that are out to come back with what they have.</summary>
    [HotPath]
    private void End()
    {
        _isEnding = true;
        foreach (FetchShare? share in _shares)
        {
            if (share is { IsOut: true })
            {
                share.Collect();
            }
        }
    }

    [HotPath]
    private void Answer(ErrorCode error = ErrorCode.None)
    {
        MergeResults();
        int sessionId = error == ErrorCode.None && _session is not null ? _session.Id : 0;
        if (_answer.TryWrite(Slot, error, sessionId))
        {
            Slot.Finish();
        }
    }

    /// <summary>
    /// Takes the results in the order of the request. The limit on bytes holds over all shares: what does not fit after the
    /// first partition with data stays out whole, and comes with the next request.
    /// </summary>
    [HotPath]
    private void MergeResults()
    {
        long room = _bytesMax;
        bool any = false;
        for (int i = 0; i < _request.Count; i++)
        {
            ref FetchEntry entry = ref _request.Entries[i];
            long highWatermark = -1;
            long logStartOffset = -1;
            bool diverges = false;
            if (entry.ShareCore >= 0)
            {
                ref FetchItem item = ref _shares[entry.ShareCore]![entry.ShareItem];
                entry.Error = item.Error;
                if (item.Error == ErrorCode.FencedLeaderEpoch)
                {
                    entry.LeaderId = _server.Options.NodeId;
                    entry.LeaderEpoch = item.LeaderEpoch;
                }
                highWatermark = item.HighWatermark;
                logStartOffset = item.LogStartOffset;
                diverges = item.DivergingEpoch >= 0;
                entry.Length = item.Length > room && any ? 0 : item.Length;
                any |= entry.Length > 0;
                room -= entry.Length;
            }
            entry.IsTold = true;
            if (entry.Session is { } known)
            {
                bool isNews = known.Tell(highWatermark, logStartOffset, entry.Error != ErrorCode.None);
                entry.IsTold = !_isIncremental || isNews || diverges || entry.Length > 0;
                if (entry.Length > 0)
                {
                    _session!.MoveToEnd(known);
                }
            }
        }
    }
}
