using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Arm = System.Runtime.Intrinsics.Arm;

namespace Aot.Broker.Base;

/// <summary>
/// CRC-32C with the processor's CRC instruction: word by word, and for big inputs three independent streams at once,
/// which hides the instruction's latency of three cycles.
/// <code>
/// one block:  | stream a, 4096 bytes | stream b, 4096 bytes | stream c, 4096 bytes |
/// remainder = a * x^(8*8192) + b * x^(8*4096) + c
/// </code>
/// </summary>
internal static class Crc32CStreams
{
    internal const int StreamBytes = 1 << StreamBytesLog2;
    internal const int BlockBytes = 3 * StreamBytes;
    private const int StreamBytesLog2 = 12;

    internal interface IStep
    {
        static abstract uint Word(uint state, ulong word);

        static abstract uint Byte(uint state, byte value);
    }

    internal readonly struct Sse : IStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static uint Word(uint state, ulong word) => (uint)Sse42.X64.Crc32(state, word);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static uint Byte(uint state, byte value) => Sse42.Crc32(state, value);
    }

    internal readonly struct Arm64 : IStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static uint Word(uint state, ulong word) => Arm.Crc32.Arm64.ComputeCrc32C(state, word);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static uint Byte(uint state, byte value) => Arm.Crc32.ComputeCrc32C(state, value);
    }

    /// <summary>Consumes the whole blocks at the start of <paramref name="data"/>.</summary>
    [HotPath]
    internal static uint Append<TStep>(uint state, ref ReadOnlySpan<byte> data)
        where TStep : IStep
    {
        while (data.Length >= BlockBytes)
        {
            ReadOnlySpan<ulong> a = MemoryMarshal.Cast<byte, ulong>(data[..StreamBytes]);
            ReadOnlySpan<ulong> b = MemoryMarshal.Cast<byte, ulong>(data.Slice(StreamBytes, StreamBytes))[..a.Length];
            ReadOnlySpan<ulong> c = MemoryMarshal.Cast<byte, ulong>(data.Slice(2 * StreamBytes, StreamBytes))[
                ..a.Length
            ];
            uint stateA = state;
            uint stateB = 0;
            uint stateC = 0;
            for (int i = 0; i < a.Length; i++)
            {
                stateA = TStep.Word(stateA, a[i]);
                stateB = TStep.Word(stateB, b[i]);
                stateC = TStep.Word(stateC, c[i]);
            }
            state =
                Crc32CTable.Multiply(stateA, Crc32C.Powers[StreamBytesLog2 + 1])
                ^ Crc32CTable.Multiply(stateB, Crc32C.Powers[StreamBytesLog2])
                ^ stateC;
            data = data[BlockBytes..];
        }
        return state;
    }

    [HotPath]
    internal static uint AppendWords<TStep>(uint state, ReadOnlySpan<byte> data)
        where TStep : IStep
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(data);
        foreach (ulong word in words)
        {
            state = TStep.Word(state, word);
        }
        foreach (byte b in data[(words.Length * sizeof(ulong))..])
        {
            state = TStep.Byte(state, b);
        }
        return state;
    }
}
