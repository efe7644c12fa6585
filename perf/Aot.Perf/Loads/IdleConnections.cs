using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Perf.Client;

namespace Aot.Perf.Loads;

/// <summary>Connections as clients leave them open: each has asked for the versions of the broker, and is silent since.</summary>
internal sealed class IdleConnections : IFrameTarget
{
    private const long LimitNanoseconds = 60_000_000_000;

    private int _answered;

    public IdleConnections(EventLoop loop, LoadPlan plan)
    {
        byte[] hello = Caller.Frame(
            ApiKey.ApiVersions,
            3,
            1,
            new ApiVersionsRequest { ClientSoftwareName = "aot-perf", ClientSoftwareVersion = "1" }
        );
        long limit = EventLoop.Now + LimitNanoseconds;
        for (int i = 0; i < plan.IdleConnections; i++)
        {
            Connection.Open(loop, plan.Broker, this, i, Load.SourceOf(i)).Send(hello);
            while (_answered <= i)
            {
                if (EventLoop.Now > limit)
                {
                    throw new LoadException($"{_answered} connections are open after a minute, no more");
                }
                loop.Turn(limit);
            }
        }
    }

    public int Count => _answered;

    void IFrameTarget.OnFrame(Connection connection, ReadOnlySpan<byte> frame) => _answered++;

    void IFrameTarget.OnLost(Connection connection, string why) =>
        throw new LoadException($"an idle connection was lost: {why}");
}
