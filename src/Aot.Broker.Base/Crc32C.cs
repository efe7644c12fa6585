using System.Numerics;
using System.Runtime.Intrinsics.X86;
using Arm = System.Runtime.Intrinsics.Arm;

namespace Aot.Broker.Base;

/// <summary>
/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of record batches and producer snapshots.
/// Values are finished checksums: <c>Append(Compute(a), b) == Compute(a + b)</c>, and the empty input has 0.
/// The fastest form that the processor has is chosen by branches that the compiler folds or that test one flag;
/// nothing is allocated. <see cref="ComputeByTable"/> is the plain form that all others are checked against.
/// </summary>
public static class Crc32C
{
    /// <summary>Inputs below this go word by word: the set-up of a folding loop costs more than it gains.</summary>
    private const int FoldingBytesMin = 128;

    [HotPath]
    public static uint Compute(ReadOnlySpan<byte> data) => Append(0, data);

    /// <summary>The checksum of what <paramref name="crc"/> covers followed by <paramref name="data"/>.</summary>
    [HotPath]
    public static uint Append(uint crc, ReadOnlySpan<byte> data)
    {
        uint state = ~crc;
        if (Sse42.X64.IsSupported)
        {
            if (data.Length >= FoldingBytesMin)
            {
                state = Pclmulqdq.IsSupported
                    ? Crc32CFolding.Append(state, ref data)
                    : Crc32CStreams.Append<Crc32CStreams.Sse>(state, ref data);
            }
            return ~Crc32CStreams.AppendWords<Crc32CStreams.Sse>(state, data);
        }
        if (Arm.Crc32.Arm64.IsSupported)
        {
            state = Crc32CStreams.Append<Crc32CStreams.Arm64>(state, ref data);
            return ~Crc32CStreams.AppendWords<Crc32CStreams.Arm64>(state, data);
        }
        return ~Crc32CTable.Append(state, data);
    }

    public static uint ComputeByTable(ReadOnlySpan<byte> data) => AppendByTable(0, data);

    public static uint AppendByTable(uint crc, ReadOnlySpan<byte> data) => ~Crc32CTable.Append(~crc, data);

    /// <summary>The checksum of a + b from those of a and b and the length of b, without their bytes.</summary>
    public static uint Combine(uint first, uint second, long secondLengthBytes) =>
        Shift(first, secondLengthBytes) ^ second;

    /// <summary>
    /// The checksum after a change of some bytes: <paramref name="difference"/> is (old xor new) of a range that
    /// <paramref name="bytesAfter"/> bytes follow. Costs a few tens of nanoseconds whatever the length, and a
    /// checksum that was wrong before stays wrong.
    /// </summary>
    [HotPath]
    public static uint Patch(uint crc, ReadOnlySpan<byte> difference, long bytesAfter)
    {
        // Without the inversions at both ends the checksum is linear: crc(a xor d) = crc(a) xor raw(d).
        uint raw = ~Append(uint.MaxValue, difference);
        return crc ^ Shift(raw, bytesAfter);
    }

    /// <summary>The raw remainder multiplied by x^(8 * bytes): what <paramref name="bytes"/> zero bytes do to it.</summary>
    internal static uint Shift(uint raw, long bytes)
    {
        Invariant.That(bytes is >= 0 and <= int.MaxValue);
        bool carryLess = Pclmulqdq.IsSupported && Sse42.X64.IsSupported;
        uint[] powers = carryLess ? PowersLess33 : Powers;
        for (uint rest = (uint)bytes; rest != 0; rest &= rest - 1)
        {
            uint power = powers[BitOperations.TrailingZeroCount(rest)];
            raw = carryLess ? Crc32CFolding.Multiply(raw, power) : Crc32CTable.Multiply(raw, power);
        }
        return raw;
    }

    /// <summary>x^(8 * 2^i) mod P, bit-reflected (bit 31 is x^0).</summary>
    internal static readonly uint[] Powers =
    [
        0x00800000,
        0x00008000,
        0x82f63b78,
        0x6ea2d55c,
        0x18b8ea18,
        0x510ac59a,
        0xb82be955,
        0xb8fdb1e7,
        0x88e56f72,
        0x74c360a4,
        0xe4172b16,
        0x0d65762a,
        0x35d73a62,
        0x28461564,
        0xbf455269,
        0xe2ea32dc,
        0xfe7740e6,
        0xf946610b,
        0x3c204f8f,
        0x538586e3,
        0x59726915,
        0x734d5309,
        0xbc1ac763,
        0x7d0722cc,
        0xd289cabe,
        0xe94ca9bc,
        0x05b74f3f,
        0xa51e1f42,
        0x40000000,
        0x20000000,
        0x08000000,
    ];

    /// <summary>x^(8 * 2^i - 33) mod P: the form that <see cref="Crc32CFolding.Multiply"/> wants.</summary>
    internal static readonly uint[] PowersLess33 =
    [
        0xbf818109,
        0x780d5a4d,
        0x05ec76f1,
        0x00000001,
        0x493c7d27,
        0xba4fc28e,
        0x9e4addf8,
        0x0d3b6092,
        0xb9e02b86,
        0xdd7e3b0c,
        0x170076fa,
        0xa51b6135,
        0x82f89c77,
        0x54a86326,
        0x1dc403cc,
        0x5ae703ab,
        0xc5013a36,
        0xac2ac6dd,
        0x9b4615a9,
        0x688d1c61,
        0xf6af14e6,
        0xb6ffe386,
        0xb717425b,
        0x478b0d30,
        0x54cc62e5,
        0x7b2102ee,
        0x8a99adef,
        0xa7568c8f,
        0xd610d67e,
        0x6b086b3f,
        0xd94f3c0b,
    ];
}
