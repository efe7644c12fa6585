using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeCluster (60): the nodes of the kind that the listener serves, as its clients reach them.</summary>
internal sealed class DescribeClusterHandler(ServerCore server)
    : ControlHandler<DescribeClusterRequest, DescribeClusterResponse>(server, DescribeClusterRequest.TryRead)
{
    private const sbyte Brokers = 1;
    private const sbyte Controllers = 2;
    private const short FirstWithEndpointType = 1;

    public override ApiKey Key => ApiKey.DescribeCluster;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override ValueTask<DescribeClusterResponse> HandleAsync(
        RequestContext context,
        DescribeClusterRequest request
    ) => ValueTask.FromResult(Make(context, request));

    private DescribeClusterResponse Make(RequestContext context, DescribeClusterRequest request)
    {
        bool isController = context.Role == ListenerRole.Controller;
        sbyte served = isController ? Controllers : Brokers;
        DescribeClusterResponse response = new() { ClusterId = context.Image.ClusterId };
        if (context.Version >= FirstWithEndpointType)
        {
            response.EndpointType = served;
        }
        if (request.EndpointType is not (Brokers or Controllers))
        {
            response.ErrorCode = (short)ErrorCode.UnsupportedEndpointType;
            response.ErrorMessage = $"Unsupported endpoint type {request.EndpointType}";
            return response;
        }
        if (request.EndpointType != served)
        {
            response.ErrorCode = (short)ErrorCode.MismatchedEndpointType;
            response.ErrorMessage =
                $"The request was sent to an endpoint of type {TypeName(served)}, "
                + $"but we wanted an endpoint of type {TypeName(request.EndpointType)}";
            return response;
        }
        if (isController)
        {
            AddControllers(context, response);
            response.ControllerId = context.Image.ControllerId;
        }
        else
        {
            AddBrokers(context, request, response);
        }
        if (request.IncludeClusterAuthorizedOperations)
        {
            response.ClusterAuthorizedOperations = AuthorizedOperations.Cluster;
        }
        return response;
    }

    private static void AddBrokers(
        RequestContext context,
        DescribeClusterRequest request,
        DescribeClusterResponse response
    )
    {
        foreach (BrokerImage broker in context.Image.Brokers)
        {
            if (
                (!broker.Fenced || request.IncludeFencedBrokers)
                && NodeAddresses.Of(broker, context.Connection) is { } address
            )
            {
                response.Brokers.Add(
                    new DescribeClusterResponse.DescribeClusterBroker
                    {
                        BrokerId = address.Id,
                        Host = address.Host,
                        Port = address.Port,
                        Rack = address.Rack,
                        IsFenced = broker.Fenced,
                    }
                );
            }
        }
        if (response.Brokers.Count > 0)
        {
            ulong one = context.Core.NextRandom() % (ulong)response.Brokers.Count;
            response.ControllerId = response.Brokers[(int)one].BrokerId;
        }
    }

    /// <summary>The controllers that have registered, each by the endpoint of the listener that was asked.</summary>
    private static void AddControllers(RequestContext context, DescribeClusterResponse response)
    {
        foreach (ControllerImage controller in context.Image.Controllers.Values)
        {
            if (NodeAddresses.Of(controller, context.Connection) is { } address)
            {
                response.Brokers.Add(
                    new DescribeClusterResponse.DescribeClusterBroker
                    {
                        BrokerId = address.Id,
                        Host = address.Host,
                        Port = address.Port,
                    }
                );
            }
        }
    }

    private static string TypeName(sbyte endpointType) => endpointType == Brokers ? "BROKER" : "CONTROLLER";
}
