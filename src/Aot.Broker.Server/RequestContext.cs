using System.Text;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server;

/// <summary>
/// What a control-plane handler knows of a request besides its body: who asked, where, and the image of the cluster at the
/// moment the request began, so that one answer comes from one image.
/// </summary>
internal sealed class RequestContext
{
    public RequestContext(RequestSlot slot)
    {
        Server = slot.Server;
        Connection = slot.Connection;
        Version = slot.Version;
        Image = Server.Image;
        ClientId =
            slot.ClientIdLength < 0
                ? null
                : Encoding.UTF8.GetString(slot.FrameBytes.Slice(slot.ClientIdOffset, slot.ClientIdLength));
    }

    public ServerCore Server { get; }

    public Core Core => Server.Core;

    public Connection Connection { get; }

    public short Version { get; }

    public MetadataImage Image { get; }

    public string? ClientId { get; }

    /// <summary>The peer's address in Kafka's form: a slash and the address, without port.</summary>
    public string ClientHost => Connection.ClientHost;

    /// <summary>Who asks, as far as groups care.</summary>
    public GroupCaller Caller => new(ClientId ?? "", ClientHost, Version);

    public ListenerRole Role => Connection.Listener.Role;
}
