using System.Diagnostics;
using Aot.Broker.Reactor;
using Aot.Broker.Server;

namespace Aot.Broker;

/// <summary>
/// Asks a core for what only its own thread can know, without allocating there: the question is a piece of mail, and the
/// answer is written into this object.
/// </summary>
/// <remarks>
/// Owner: the thread that asks, one question at a time. From the post in <see cref="TryAsk"/> to the flag that the answer
/// sets the fields belong to the core. A core that answers late answers the next question.
/// The asker looks for the flag again and again, with pauses: an event that is contended for allocates on the core.
/// </remarks>
internal sealed class CoreProbe(Core core, BrokerServer server) : IMailTarget
{
    private readonly long[] _requests = new long[server.ApiNames(core.Index).Count];
    private bool _hasAnswered;

    public Core Core => core;

    public IReadOnlyList<string> ApiNames { get; } = server.ApiNames(core.Index);

    /// <summary>Requests that the core has started, by <see cref="ApiNames"/>.</summary>
    public IReadOnlyList<long> Requests => _requests;

    /// <summary>What the core had counted when it answered.</summary>
    public CoreStatistics Counted { get; } = new();

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
        long start = Stopwatch.GetTimestamp();
        SpinWait pause = default;
        Volatile.Write(ref _hasAnswered, false);
        core.PostFromThread(new Mail { Target = this });
        // Acquire: pairs with the Write in Receive, so that the numbers are read after they were written.
        while (!Volatile.Read(ref _hasAnswered))
        {
            if (Stopwatch.GetElapsedTime(start) > limit)
            {
                return false;
            }
            pause.SpinOnce();
        }
        return true;
    }

    void IMailTarget.Receive(Core asked, in Mail mail)
    {
        asked.Statistics.CopyTo(Counted);
        server.CopyRequests(asked.Index, _requests);
        AllocatedBytes = GC.GetAllocatedBytesForCurrentThread();
        BuffersRented = asked.Buffers.RentedCount;
        BufferBytesRented = asked.Buffers.RentedBytes;
        Connections = asked.Io.Connections;
        DelayedRequests = asked.Purgatory.Delayed;
        SystemCalls = asked.Io.SystemCalls;
        // Release: pairs with the Read in TryAsk.
        Volatile.Write(ref _hasAnswered, true);
    }
}
