using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server;

/// <summary>On which listeners an API is served.</summary>
[Flags]
public enum ListenerRole
{
    None = 0,
    Broker = 1,
    Controller = 2,
}

/// <summary>
/// One API: its key, the versions it serves, where it is served, and what it does. There is one handler object per API and
/// core; it keeps no state of a single request. ApiVersions lists what is registered here, so an API exists when, and only
/// when, its handler does.
/// </summary>
internal abstract class RequestHandler
{
    public abstract ApiKey Key { get; }

    public abstract short VersionMin { get; }

    public abstract short VersionMax { get; }

    /// <summary>First version whose header and strings are compact; beyond all versions for "never".</summary>
    public abstract short FlexibleFrom { get; }

    public virtual ListenerRole Roles => ListenerRole.Broker;

    /// <summary>
    /// What ApiVersions states as the lowest version. Wider than what is served only where clients in use derive other
    /// features from it.
    /// </summary>
    public virtual short AdvertisedMin => VersionMin;

    /// <summary>Requests of this kind may start while earlier ones of such kinds are in progress.</summary>
    public virtual bool MayOverlap => false;

    /// <summary>Requests of this API that the core has started. Another thread reads a value that may be a moment old.</summary>
    public long Requests { get; set; }

    /// <summary>For log lines.</summary>
    public string Name => Key.ToString();

    public bool IsFlexible(short version) => version >= FlexibleFrom;

    /// <summary>
    /// Starts a request. It is finished now or later by <see cref="RequestSlot.Finish"/>, on the same core, exactly once.
    /// </summary>
    public abstract void Start(RequestSlot slot);
}
