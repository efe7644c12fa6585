using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server;

/// <summary>The handlers of one core by API key, and what ApiVersions says about them. Fixed after construction.</summary>
internal sealed class HandlerTable
{
    private readonly RequestHandler?[] _byKey;

    public HandlerTable(IEnumerable<RequestHandler> handlers)
    {
        RequestHandler[] all = [.. handlers.OrderBy(handler => handler.Key)];
        _byKey = new RequestHandler?[(int)all[^1].Key + 1];
        foreach (RequestHandler handler in all)
        {
            Invariant.That(_byKey[(int)handler.Key] is null);
            Invariant.That(handler.VersionMin <= handler.VersionMax && handler.AdvertisedMin <= handler.VersionMin);
            _byKey[(int)handler.Key] = handler;
        }
        All = all;
    }

    /// <summary>In the order of their keys.</summary>
    public IReadOnlyList<RequestHandler> All { get; }

    /// <summary>
    /// The handler that serves this request on a listener of this role; null closes the connection. ApiVersions takes every
    /// version, because a client that is newer than the broker asks it first.
    /// </summary>
    [HotPath]
    public RequestHandler? Find(short key, short version, ListenerRole role)
    {
        if ((uint)key >= (uint)_byKey.Length || _byKey[key] is not { } handler || (handler.Roles & role) == 0)
        {
            return null;
        }
        bool isServed = version >= handler.VersionMin && version <= handler.VersionMax;
        return isServed || (handler.Key == ApiKey.ApiVersions && version >= 0) ? handler : null;
    }
}
