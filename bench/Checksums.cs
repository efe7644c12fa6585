using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.Intrinsics.X86;
using Aot.Broker.Base;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>CRC-32C: what the broker uses against the CRC instruction alone (one stream, three streams) and a table.</summary>
public class Checksums
{
    private byte[] _bytes = [];

    [Params(64, 1024, 16 * 1024, 64 * 1024)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _bytes = new byte[Bytes];
        new Random(Bytes).NextBytes(_bytes);
    }

    [Benchmark(Baseline = true), DataPlane]
    public long Table() => Crc32C.ComputeByTable(_bytes);

    [Benchmark, DataPlane]
    public long Instruction()
    {
        ReadOnlySpan<byte> rest = _bytes;
        uint state = uint.MaxValue;
        for (; rest.Length >= sizeof(ulong); rest = rest[sizeof(ulong)..])
        {
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(rest));
        }
        foreach (byte b in rest)
        {
            state = BitOperations.Crc32C(state, b);
        }
        return ~state;
    }

    [Benchmark, DataPlane]
    public long ThreeStreams()
    {
        if (!Sse42.X64.IsSupported)
        {
            return Crc32C.Compute(_bytes);
        }
        ReadOnlySpan<byte> rest = _bytes;
        uint state = Crc32CStreams.Append<Crc32CStreams.Sse>(uint.MaxValue, ref rest);
        return ~Crc32CStreams.AppendWords<Crc32CStreams.Sse>(state, rest);
    }

    /// <summary>What the broker uses on a processor (or a framework) without the multiplication on 512-bit vectors.</summary>
    [Benchmark, DataPlane]
    public long NarrowFolding()
    {
        if (!Sse42.X64.IsSupported || !Pclmulqdq.IsSupported)
        {
            return Crc32C.Compute(_bytes);
        }
        ReadOnlySpan<byte> rest = _bytes;
        uint state = Crc32CFolding.AppendNarrow(uint.MaxValue, ref rest);
        return (uint)~Crc32CStreams.AppendWords<Crc32CStreams.Sse>(state, rest);
    }

    [Benchmark, DataPlane]
    public long Broker() => Crc32C.Compute(_bytes);
}
