using Aot.Broker.Base;
using Aot.Broker.Protocol;

namespace Aot.Broker.Server.Share;

/// <summary>
/// Counts the share sessions of the whole broker, on core 0: their limit holds over all cores, a member has one session
/// wherever its connection is, and when the last member of a group goes its share partitions go too, because an
/// administrator may change the group's offsets from then on.
/// </summary>
internal sealed class ShareSessionCensus(ServerCore first, int sessionsMax)
{
    private readonly record struct Entry(CoreIndex Core, long SessionId);

    private readonly Dictionary<ShareSessionKey, Entry> _sessions = [];
    private readonly Dictionary<string, int> _members = [];

    /// <summary>Groups whose share partitions are being closed: nobody begins with them before that is done.</summary>
    private readonly Dictionary<string, Task> _closing = [];

    public static Task<ErrorCode> OpenAsync(ServerCore from, ShareSession session)
    {
        (ShareSessionKey key, Entry entry) = (session.Key, new Entry(from.Core.Index, session.Id));
        return from.Core.CallAsync(
            new CoreIndex(0),
            async core => await core.Get<ServerCore>().ShareCensus!.OpenAsync(key, entry)
        );
    }

    public static Task CloseAsync(ServerCore from, ShareSession session)
    {
        (ShareSessionKey key, Entry entry) = (session.Key, new Entry(from.Core.Index, session.Id));
        return from.Core.CallAsync(
            new CoreIndex(0),
            async core => await core.Get<ServerCore>().ShareCensus!.CloseAsync(key, entry)
        );
    }

    private async Task<ErrorCode> OpenAsync(ShareSessionKey key, Entry entry)
    {
        while (_closing.TryGetValue(key.GroupId, out Task? closing))
        {
            await closing;
        }
        if (_sessions.TryGetValue(key, out Entry before))
        {
            _sessions[key] = entry;
            if (before.Core != entry.Core)
            {
                await first.Core.CallAsync(
                    before.Core,
                    core =>
                    {
                        core.Get<ServerCore>().ShareSessions.Forget(key);
                        return ValueTask.CompletedTask;
                    }
                );
            }
            return ErrorCode.None;
        }
        if (_sessions.Count >= sessionsMax)
        {
            return ErrorCode.ShareSessionLimitReached;
        }
        _sessions.Add(key, entry);
        _members[key.GroupId] = _members.GetValueOrDefault(key.GroupId) + 1;
        return ErrorCode.None;
    }

    private async Task CloseAsync(ShareSessionKey key, Entry entry)
    {
        if (!_sessions.TryGetValue(key, out Entry known) || known != entry)
        {
            return;
        }
        _sessions.Remove(key);
        if (--_members[key.GroupId] > 0)
        {
            return;
        }
        _members.Remove(key.GroupId);
        Task closing = first.Core.RunOnAllAsync(async core =>
            await core.Get<ServerCore>().SharePartitions!.CloseGroupAsync(key.GroupId)
        );
        _closing[key.GroupId] = closing;
        await closing;
        _closing.Remove(key.GroupId);
    }
}
