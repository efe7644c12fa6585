using Aot.Broker.Bench.Rig;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>How helper threads answer a core: one, or two of them at once, and the core as the consumer.</summary>
public class MpscRings
{
    private const int MessagesFull = 1 << 17;
    private const int Capacity = 1024;

    private Transfer<RuntimeQueue> _runtime = null!;
    private Transfer<LockedQueue> _locked = null!;
    private Transfer<MpscQueue> _broker = null!;

    internal static int Messages => BenchSize.Of(MessagesFull, 4096);

    [Params(1, 2)]
    public int Producers { get; set; }

    internal long ProducersAllocatedBytes => _broker.ProducersAllocatedBytes;

    [GlobalSetup]
    public void SetUp()
    {
        _runtime = new Transfer<RuntimeQueue>(new RuntimeQueue(), Producers, Messages);
        _locked = new Transfer<LockedQueue>(new LockedQueue(Capacity), Producers, Messages);
        _broker = new Transfer<MpscQueue>(new MpscQueue(Capacity), Producers, Messages);
    }

    [GlobalCleanup]
    public void TearDown()
    {
        _runtime.Dispose();
        _locked.Dispose();
        _broker.Dispose();
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = MessagesFull)]
    public long ConcurrentQueue() => _runtime.Run();

    [Benchmark(OperationsPerInvoke = MessagesFull)]
    public long LockedQueue() => _locked.Run();

    [Benchmark(OperationsPerInvoke = MessagesFull), DataPlane]
    public long Broker() => _broker.Run();
}
