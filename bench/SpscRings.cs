using Aot.Broker.Bench.Rig;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// The mailbox between two cores, messages of two words: with another thread as the producer, and by turns on one thread,
/// where nothing but the instructions counts. Two threads need two idle processors to say anything.
/// </summary>
public class SpscRings
{
    private const int MessagesFull = 1 << 18;
    private const int Burst = 64;
    private const int Capacity = 1024;

    private readonly Message[] _drained = new Message[Burst];
    private Transfer<RuntimeQueue> _runtime = null!;
    private Transfer<PlainQueue> _plain = null!;
    private Transfer<UncachedQueue> _uncached = null!;
    private Transfer<SpscQueue> _broker = null!;
    private RuntimeQueue _ownRuntime;
    private PlainQueue _ownPlain;
    private SpscQueue _ownBroker;

    internal static int Messages => BenchSize.Of(MessagesFull, 4096);

    internal long ProducerAllocatedBytes => _broker.ProducersAllocatedBytes;

    [GlobalSetup]
    public void SetUp()
    {
        _runtime = new Transfer<RuntimeQueue>(new RuntimeQueue(), 1, Messages);
        _plain = new Transfer<PlainQueue>(new PlainQueue(Capacity), 1, Messages);
        _uncached = new Transfer<UncachedQueue>(new UncachedQueue(Capacity), 1, Messages);
        _broker = new Transfer<SpscQueue>(new SpscQueue(Capacity), 1, Messages);
        _ownRuntime = new RuntimeQueue();
        _ownPlain = new PlainQueue(Capacity);
        _ownBroker = new SpscQueue(Capacity);
    }

    [GlobalCleanup]
    public void TearDown()
    {
        _runtime.Dispose();
        _plain.Dispose();
        _uncached.Dispose();
        _broker.Dispose();
    }

    [BenchmarkCategory("two threads"), Benchmark(Baseline = true, OperationsPerInvoke = MessagesFull)]
    public long ConcurrentQueue() => _runtime.Run();

    [BenchmarkCategory("two threads"), Benchmark(OperationsPerInvoke = MessagesFull), DataPlane]
    public long Unpadded() => _plain.Run();

    [BenchmarkCategory("two threads"), Benchmark(OperationsPerInvoke = MessagesFull), DataPlane]
    public long PaddedUncached() => _uncached.Run();

    [BenchmarkCategory("two threads"), Benchmark(OperationsPerInvoke = MessagesFull), DataPlane]
    public long Broker() => _broker.Run();

    [BenchmarkCategory("one thread"), Benchmark(Baseline = true, OperationsPerInvoke = Burst)]
    public long ConcurrentQueueAlone() => OneThread(_ownRuntime);

    [BenchmarkCategory("one thread"), Benchmark(OperationsPerInvoke = Burst), DataPlane]
    public long UnpaddedAlone() => OneThread(_ownPlain);

    [BenchmarkCategory("one thread"), Benchmark(OperationsPerInvoke = Burst), DataPlane]
    public long BrokerAlone() => OneThread(_ownBroker);

    [BenchmarkCategory("one thread"), Benchmark(OperationsPerInvoke = Burst), DataPlane]
    public long BrokerDrainAlone()
    {
        for (int i = 1; i <= Burst; i++)
        {
            _ownBroker.TryEnqueue(new Message(i, 0));
        }
        long sum = 0;
        foreach (ref readonly Message message in _drained.AsSpan(0, _ownBroker.Drain(_drained)))
        {
            sum += message.Number;
        }
        return sum;
    }

    private static long OneThread<TQueue>(TQueue queue)
        where TQueue : struct, IMessageQueue
    {
        for (int i = 1; i <= Burst; i++)
        {
            queue.TryEnqueue(new Message(i, 0));
        }
        long sum = 0;
        while (queue.TryDequeue(out Message message))
        {
            sum += message.Number;
        }
        return sum;
    }
}
