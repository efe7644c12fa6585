using Aot.Broker.Protocol;

namespace Aot.Broker.Server.Fetch;

/// <summary>
/// The fetch sessions of one core. Bounded: when it is full, a session that was not used for two minutes makes room, else
/// the client gets no session (id 0) and sends full requests, which is always allowed.
/// </summary>
internal sealed class FetchSessionCache(int sessionsMax, Func<ulong> random)
{
    public const long EvictAfterMillis = 120_000;

    private readonly Dictionary<int, FetchSession> _sessions = [];

    public int Count => _sessions.Count;

    /// <summary>A new session, or null when there is no room.</summary>
    public FetchSession? TryCreate(bool usesTopicIds, long nowMillis)
    {
        if (_sessions.Count >= sessionsMax && !EvictIdle(nowMillis))
        {
            return null;
        }
        int id;
        do
        {
            id = (int)(random() & int.MaxValue);
        } while (id == 0 || _sessions.ContainsKey(id));
        FetchSession session = new(id, usesTopicIds) { UsedMillis = nowMillis };
        _sessions.Add(id, session);
        return session;
    }

    public void Remove(int id) => _sessions.Remove(id);

    /// <summary>The session that an incremental request names, moved on to its next epoch.</summary>
    public ErrorCode TryUse(int id, int epoch, bool usesTopicIds, long nowMillis, out FetchSession? session)
    {
        if (!_sessions.TryGetValue(id, out session))
        {
            return ErrorCode.FetchSessionIdNotFound;
        }
        if (session.Epoch != epoch)
        {
            return ErrorCode.InvalidFetchSessionEpoch;
        }
        if (session.UsesTopicIds != usesTopicIds)
        {
            return ErrorCode.FetchSessionTopicIdError;
        }
        session.UsedMillis = nowMillis;
        session.Advance();
        return ErrorCode.None;
    }

    private bool EvictIdle(long nowMillis)
    {
        FetchSession? oldest = null;
        foreach (FetchSession session in _sessions.Values)
        {
            if (oldest is null || session.UsedMillis < oldest.UsedMillis)
            {
                oldest = session;
            }
        }
        return oldest is not null && nowMillis - oldest.UsedMillis > EvictAfterMillis && _sessions.Remove(oldest.Id);
    }
}
