using Aot.Broker.Protocol;

namespace Aot.Broker.Server.Share;

/// <summary>The share sessions of the connections of one core. How many there are in all, the <see cref="ShareSessionCensus"/> says.</summary>
internal sealed class ShareSessions(ServerCore server)
{
    private readonly Dictionary<ShareSessionKey, ShareSession> _sessions = [];
    private long _lastId;

    /// <summary>
    /// A new session in the place of any that the member has; what it holds stays with it. SHARE_SESSION_LIMIT_REACHED: the
    /// broker has as many as it may have.
    /// </summary>
    public async Task<(ErrorCode Error, ShareSession? Session)> OpenAsync(ShareSessionKey key, long connectionId)
    {
        ShareSession session = new(key, ++_lastId, connectionId);
        ErrorCode error = await ShareSessionCensus.OpenAsync(server, session);
        if (error != ErrorCode.None)
        {
            Forget(key);
            return (error, null);
        }
        Forget(key);
        _sessions.Add(key, session);
        return (ErrorCode.None, session);
    }

    public ShareSession? Find(ShareSessionKey key) => _sessions.GetValueOrDefault(key);

    /// <summary>The session that a request with this epoch continues, moved on.</summary>
    public ErrorCode TryUse(ShareSessionKey key, int epoch, out ShareSession? session)
    {
        if (!_sessions.TryGetValue(key, out session))
        {
            return ErrorCode.ShareSessionNotFound;
        }
        if (session.Epoch != epoch)
        {
            return ErrorCode.InvalidShareSessionEpoch;
        }
        session.Advance();
        return ErrorCode.None;
    }

    /// <summary>The member has a session elsewhere now; what it holds stays with it.</summary>
    public void Forget(ShareSessionKey key) => _sessions.Remove(key);

    /// <summary>The member leaves: what it holds is given back. Done when that is saved.</summary>
    public async Task CloseAsync(ShareSession session)
    {
        if (Find(session.Key) != session)
        {
            // The member has another session by now.
            return;
        }
        Forget(session.Key);
        List<SharePlace> places = [];
        session.CopyTo(places);
        await ShareCalls.ReleaseAsync(server, session.Key, places);
        await ShareSessionCensus.CloseAsync(server, session);
    }

    public void OnConnectionClosed(long connectionId)
    {
        foreach (ShareSession session in _sessions.Values)
        {
            if (session.ConnectionId == connectionId)
            {
                server.Core.Spawn(async _ => await CloseAsync(session));
            }
        }
    }
}
