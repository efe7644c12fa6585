using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Aot.Broker.Base;

/// <summary>
/// CRC-32C by carry-less multiplication (x64 with PCLMULQDQ and SSE4.2). A 128-bit piece L*x^64 + H is moved D bytes
/// further by L*x^(8D+64) + H*x^(8D), both reduced to 32-bit constants; a product of two bit-reflected 32-bit factors
/// carries x^33 too much, which is taken out of the constants. The CRC instruction does the last reduction.
/// <code>
/// fused block of 8160 bytes:  | 60 x 64 bytes: four folded vectors | a: 1440 | b: 1440 | c: 1440 bytes, CRC instruction |
/// </code>
/// Multiplier and CRC instruction use different ports of the core, so the fused block runs both at full speed:
/// 42 GB/s from 16 KiB on where vectors alone make 22 (1 to 4 KiB) and the instruction alone 7.7 (ahead-of-time build,
/// .NET 9, Sapphire Rapids).
/// Reads go through references because a bounds check per load would cost as much as the load; every read below is
/// inside the span whose length the caller of the private method has checked.
/// </summary>
internal static class Crc32CFolding
{
    private const int FusedTurns = 60;
    private const int FusedVectorBytes = FusedTurns * 64;
    private const int FusedStreamBytes = FusedTurns * 24;
    internal const int FusedBlockBytes = FusedVectorBytes + (3 * FusedStreamBytes);

    // x^(8D+31) mod P for the first and x^(8D-33) mod P for the second half of a piece that moves D bytes.
    private const ulong Fold16First = 0xf20c0dfe;
    private const ulong Fold16Second = 0x493c7d27;
    private const ulong Fold64First = 0x740eef02;
    private const ulong Fold64Second = 0x9e4addf8;

    // x^(8n-33) mod P for n = one, two and three stream lengths.
    private const uint Shift1440 = 0x2342001e;
    private const uint Shift2880 = 0x465a4eee;
    private const uint Shift4320 = 0xf36d84e2;

    /// <summary>Consumes a multiple of 64 bytes, all but less than 64, of <paramref name="data"/>.</summary>
    [HotPath]
    internal static uint Append(uint state, ref ReadOnlySpan<byte> data)
    {
#if NET10_0_OR_GREATER
        if (Pclmulqdq.V512.IsSupported && data.Length >= Wide.BytesMin)
        {
            return Wide.Append(state, ref data);
        }
#endif
        return AppendNarrow(state, ref data);
    }

    /// <summary>The same with 128-bit vectors, which every processor with the multiplication has.</summary>
    [HotPath]
    internal static uint AppendNarrow(uint state, ref ReadOnlySpan<byte> data)
    {
        while (data.Length >= FusedBlockBytes)
        {
            state = FusedBlock(state, ref MemoryMarshal.GetReference(data));
            data = data[FusedBlockBytes..];
        }
        int folded = data.Length & ~63;
        if (folded >= 64)
        {
            state = FoldVectors(state, ref MemoryMarshal.GetReference(data), (nuint)folded);
            data = data[folded..];
        }
        return state;
    }

    /// <summary>a * b * x^33 mod P; give b as x^(n-33).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Multiply(uint a, uint b) => (uint)Sse42.X64.Crc32(0, Product(a, b).ToScalar());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Product(uint a, uint b) =>
        Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar((ulong)a), Vector128.CreateScalar((ulong)b), 0x00);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Load(ref byte source, nuint offset) =>
        Vector128.LoadUnsafe(ref source, offset).AsUInt64();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Fold(Vector128<ulong> piece, Vector128<ulong> by, Vector128<ulong> onto) =>
        Pclmulqdq.CarrylessMultiply(piece, by, 0x00) ^ Pclmulqdq.CarrylessMultiply(piece, by, 0x11) ^ onto;

    /// <summary>Four neighbouring pieces to their remainder.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Reduce(Vector128<ulong> a, Vector128<ulong> b, Vector128<ulong> c, Vector128<ulong> d)
    {
        Vector128<ulong> by16 = Vector128.Create(Fold16First, Fold16Second);
        Vector128<ulong> piece = Fold(Fold(Fold(a, by16, b), by16, c), by16, d);
        return (uint)Sse42.X64.Crc32(Sse42.X64.Crc32(0, piece.GetElement(0)), piece.GetElement(1));
    }

    private static uint FoldVectors(uint state, ref byte source, nuint length)
    {
        Vector128<ulong> by64 = Vector128.Create(Fold64First, Fold64Second);
        Vector128<ulong> a = Load(ref source, 0) ^ Vector128.CreateScalar((ulong)state);
        Vector128<ulong> b = Load(ref source, 16);
        Vector128<ulong> c = Load(ref source, 32);
        Vector128<ulong> d = Load(ref source, 48);
        for (nuint at = 64; at < length; at += 64)
        {
            a = Fold(a, by64, Load(ref source, at));
            b = Fold(b, by64, Load(ref source, at + 16));
            c = Fold(c, by64, Load(ref source, at + 32));
            d = Fold(d, by64, Load(ref source, at + 48));
        }
        return Reduce(a, b, c, d);
    }

    private static uint FusedBlock(uint state, ref byte source)
    {
        Vector128<ulong> by64 = Vector128.Create(Fold64First, Fold64Second);
        Vector128<ulong> a = Load(ref source, 0) ^ Vector128.CreateScalar((ulong)state);
        Vector128<ulong> b = Load(ref source, 16);
        Vector128<ulong> c = Load(ref source, 32);
        Vector128<ulong> d = Load(ref source, 48);
        ref byte stream = ref Unsafe.Add(ref source, FusedVectorBytes);
        ulong stateA = 0;
        ulong stateB = 0;
        ulong stateC = 0;
        ThreeWords(ref stream, ref stateA, ref stateB, ref stateC);
        for (nuint at = 64; at < FusedVectorBytes; at += 64)
        {
            stream = ref Unsafe.Add(ref stream, 24);
            a = Fold(a, by64, Load(ref source, at));
            b = Fold(b, by64, Load(ref source, at + 16));
            c = Fold(c, by64, Load(ref source, at + 32));
            d = Fold(d, by64, Load(ref source, at + 48));
            ThreeWords(ref stream, ref stateA, ref stateB, ref stateC);
        }
        uint vectors = Reduce(a, b, c, d);
        Vector128<ulong> sum =
            Product(vectors, Shift4320) ^ Product((uint)stateA, Shift2880) ^ Product((uint)stateB, Shift1440);
        return (uint)(Sse42.X64.Crc32(0, sum.ToScalar()) ^ stateC);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ThreeWords(ref byte at, ref ulong a, ref ulong b, ref ulong c)
    {
        a = Sse42.X64.Crc32(a, Word(ref at, 0));
        b = Sse42.X64.Crc32(b, Word(ref at, FusedStreamBytes));
        c = Sse42.X64.Crc32(c, Word(ref at, 2 * FusedStreamBytes));
        a = Sse42.X64.Crc32(a, Word(ref at, 8));
        b = Sse42.X64.Crc32(b, Word(ref at, FusedStreamBytes + 8));
        c = Sse42.X64.Crc32(c, Word(ref at, (2 * FusedStreamBytes) + 8));
        a = Sse42.X64.Crc32(a, Word(ref at, 16));
        b = Sse42.X64.Crc32(b, Word(ref at, FusedStreamBytes + 16));
        c = Sse42.X64.Crc32(c, Word(ref at, (2 * FusedStreamBytes) + 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Word(ref byte at, int offset) => Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, offset));

#if NET10_0_OR_GREATER
    /// <summary>The same folding with 512-bit vectors: four of them, 256 bytes a turn.</summary>
    private static class Wide
    {
        internal const int BytesMin = 512;
        private const ulong Fold256First = 0xdcb17aa4;
        private const ulong Fold256Second = 0xb9e02b86;

        internal static uint Append(uint state, ref ReadOnlySpan<byte> data)
        {
            int folded = data.Length & ~63;
            ref byte source = ref MemoryMarshal.GetReference(data);
            nuint whole = (nuint)folded & ~(nuint)255;
            Vector512<ulong> by256 = Vector512.Create(Vector128.Create(Fold256First, Fold256Second));
            Vector512<ulong> by64 = Vector512.Create(Vector128.Create(Fold64First, Fold64Second));
            Vector512<ulong> a = Load(ref source, 0) ^ Vector512.CreateScalar((ulong)state);
            Vector512<ulong> b = Load(ref source, 64);
            Vector512<ulong> c = Load(ref source, 128);
            Vector512<ulong> d = Load(ref source, 192);
            nuint at = 256;
            for (; at < whole; at += 256)
            {
                a = Fold(a, by256, Load(ref source, at));
                b = Fold(b, by256, Load(ref source, at + 64));
                c = Fold(c, by256, Load(ref source, at + 128));
                d = Fold(d, by256, Load(ref source, at + 192));
            }
            Vector512<ulong> piece = Fold(Fold(Fold(a, by64, b), by64, c), by64, d);
            for (; at < (nuint)folded; at += 64)
            {
                piece = Fold(piece, by64, Load(ref source, at));
            }
            data = data[folded..];
            return Reduce(
                piece.GetLower().GetLower(),
                piece.GetLower().GetUpper(),
                piece.GetUpper().GetLower(),
                piece.GetUpper().GetUpper()
            );
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<ulong> Load(ref byte source, nuint offset) =>
            Vector512.LoadUnsafe(ref source, offset).AsUInt64();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<ulong> Fold(Vector512<ulong> piece, Vector512<ulong> by, Vector512<ulong> onto) =>
            Pclmulqdq.V512.CarrylessMultiply(piece, by, 0x00)
            ^ Pclmulqdq.V512.CarrylessMultiply(piece, by, 0x11)
            ^ onto;
    }
#endif
}
