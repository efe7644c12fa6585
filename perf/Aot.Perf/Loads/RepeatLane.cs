using Aot.Broker.Linux;
using Aot.Perf.Client;
using Aot.Perf.Measure;

namespace Aot.Perf.Loads;

/// <summary>One connection that sends the same request as soon as the last one is answered.</summary>
internal sealed class RepeatLane : IFrameTarget
{
    private readonly Meter _meter;
    private readonly Connection _connection;
    private readonly byte[] _frame;
    private long _sentAt;

    public RepeatLane(EventLoop loop, InetEndpoint broker, Meter meter, byte[] frame)
    {
        _meter = meter;
        _frame = frame;
        _connection = Connection.Open(loop, broker, this);
    }

    public void Send()
    {
        _sentAt = EventLoop.Now;
        _connection.Send(_frame);
    }

    void IFrameTarget.OnFrame(Connection connection, ReadOnlySpan<byte> frame)
    {
        _meter.Done(_sentAt, EventLoop.Now, 0, frame.Length);
        Send();
    }

    void IFrameTarget.OnLost(Connection connection, string why) =>
        throw new LoadException($"a connection was lost: {why}");
}
