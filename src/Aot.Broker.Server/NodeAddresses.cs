using System.Net;
using Aot.Broker.Cluster;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server;

/// <summary>A node as a client of one listener reaches it.</summary>
internal readonly record struct NodeAddress(int Id, string Host, int Port, string? Rack);

/// <summary>
/// The addresses that answers name: those that each broker advertises on the listener that the request came in on. A broker
/// without that listener is left out. A broker that listens on every address and advertises none is named by the address that
/// the client has just used, which is the one that surely works for it.
/// </summary>
internal static class NodeAddresses
{
    public static List<NodeAddress> Alive(MetadataImage image, Connection connection)
    {
        List<NodeAddress> nodes = [];
        foreach (BrokerImage broker in image.Brokers)
        {
            if (!broker.Fenced && Of(broker, connection) is { } address)
            {
                nodes.Add(address);
            }
        }
        return nodes;
    }

    public static NodeAddress? Of(BrokerImage broker, Connection connection) =>
        broker.EndPoint(connection.Listener.Name) is { } endPoint
            ? At(broker.Id, endPoint, broker.Rack, connection)
            : null;

    public static NodeAddress? Of(ControllerImage controller, Connection connection)
    {
        foreach (EndPointImage endPoint in controller.EndPoints)
        {
            if (endPoint.Name == connection.Listener.Name)
            {
                return At(controller.Id, endPoint, rack: null, connection);
            }
        }
        return null;
    }

    private static NodeAddress At(int id, EndPointImage endPoint, string? rack, Connection connection)
    {
        bool isOwn = id == connection.NodeId;
        string host = isOwn && IsWildcard(endPoint.Host) ? Text(connection.Local.Address) : endPoint.Host;
        int port = isOwn && endPoint.Port == 0 ? connection.Local.Port : endPoint.Port;
        return new NodeAddress(id, host, port, rack);
    }

    public static string Text(IPAddress address) =>
        address.IsIPv4MappedToIPv6 ? address.MapToIPv4().ToString() : address.ToString();

    private static bool IsWildcard(string host) => host is "" or "0.0.0.0" or "::" or "[::]";
}
