using Aot.Broker.Reactor;

namespace Aot.Broker;

/// <summary>
/// Asks a core for what only its own thread can know, without allocating there: the question is a piece of mail, and the
/// answer is written into this object.
/// </summary>
/// <remarks>
/// Owner: the thread that asks, one question at a time. Between <see cref="TryAsk"/>'s post and its signal the fields
/// belong to the core. A core that answers late answers the next question: its numbers are then newer than asked for.
/// </remarks>
internal sealed class CoreProbe(Core core) : IMailTarget
{
    private readonly ManualResetEventSlim _answered = new(false);

    public Core Core => core;

    /// <summary>Managed bytes that the core's thread has allocated since it began.</summary>
    public long AllocatedBytes { get; private set; }

    public int BuffersRented { get; private set; }

    public long BufferBytesRented { get; private set; }

    public int Connections { get; private set; }

    public int DelayedRequests { get; private set; }

    public long SystemCalls { get; private set; }

    /// <summary>False when the core did not answer in time: it is stopping, or stuck.</summary>
    public bool TryAsk(TimeSpan limit)
    {
        _answered.Reset();
        core.PostFromThread(new Mail { Target = this });
        return _answered.Wait(limit);
    }

    void IMailTarget.Receive(Core asked, in Mail mail)
    {
        AllocatedBytes = GC.GetAllocatedBytesForCurrentThread();
        BuffersRented = asked.Buffers.RentedCount;
        BufferBytesRented = asked.Buffers.RentedBytes;
        Connections = asked.Io.Connections;
        DelayedRequests = asked.Purgatory.Delayed;
        SystemCalls = asked.Io.SystemCalls;
        _answered.Set();
    }
}
