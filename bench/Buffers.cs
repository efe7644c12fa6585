using System.Buffers;
using System.Runtime.InteropServices;
using Aot.Broker.Base;
using Aot.Broker.Memory;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// Sixteen buffers taken, then given back in order: the core's pool (off-heap, with checked handles), the runtime's shared
/// pool of arrays, and malloc. The answer is the number of bytes that they had at least.
/// </summary>
public class Buffers
{
    private const int Count = 16;

    private readonly BufferHandle[] _handles = new BufferHandle[Count];
    private readonly byte[][] _arrays = new byte[Count][];
    private readonly nint[] _blocks = new nint[Count];
    private Arena _arena = null!;
    private BufferPool _pool = null!;

    [Params(4 * 1024, 64 * 1024, 1024 * 1024)]
    public int Bytes { get; set; }

    internal int Rented => _pool.RentedCount;

    [GlobalSetup]
    public void SetUp()
    {
        _arena = new Arena(new CoreIndex(0));
        _pool = new BufferPool(_arena.AddShare("bench", 64 * 1024 * 1024));
        Invariant.That(_pool.Warm(Bytes, Count));
    }

    [GlobalCleanup]
    public void TearDown()
    {
        _pool.Dispose();
        _arena.Dispose();
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Count)]
    public long ArrayPool()
    {
        ArrayPool<byte> pool = ArrayPool<byte>.Shared;
        long bytes = 0;
        for (int i = 0; i < Count; i++)
        {
            _arrays[i] = pool.Rent(Bytes);
            bytes += Math.Min(_arrays[i].Length, Bytes);
        }
        foreach (byte[] array in _arrays)
        {
            pool.Return(array);
        }
        return bytes;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public long Malloc()
    {
        long bytes = 0;
        for (int i = 0; i < Count; i++)
        {
            _blocks[i] = Marshal.AllocHGlobal(Bytes);
            bytes += Bytes;
        }
        foreach (nint block in _blocks)
        {
            Marshal.FreeHGlobal(block);
        }
        return bytes;
    }

    [Benchmark(OperationsPerInvoke = Count), DataPlane]
    public long Broker()
    {
        long bytes = 0;
        for (int i = 0; i < Count; i++)
        {
            Invariant.That(_pool.TryRent(Bytes, out _handles[i]));
            bytes += Math.Min(_pool.Capacity(_handles[i]), Bytes);
        }
        for (int i = 0; i < Count; i++)
        {
            _pool.Release(ref _handles[i]);
        }
        return bytes;
    }
}
