using System.Buffers.Binary;
using System.Numerics;
using Aot.Broker.Base;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// XXH3 with 64 bits, without seed and with the algorithm's own secret, for inputs of four bytes or more. Its specification
/// is <c>xxhash_spec.md</c> of the xxHash project. A few kilobytes are hashed when topics change, so there is a plain form only.
/// </summary>
internal static class XxHash3
{
    public const int BytesMin = 4;

    private const int StripeBytes = 64;
    private const int Lanes = StripeBytes / sizeof(ulong);

    /// <summary>The secret moves on by so much from stripe to stripe.</summary>
    private const int SecretStep = 8;

    /// <summary>The last place of the secret at which a stripe finds a whole key.</summary>
    private const int LastKeyAt = SecretBytes - StripeBytes;
    private const int StripesPerBlock = LastKeyAt / SecretStep;
    private const int SecretBytes = 192;

    /// <summary>Inputs up to this size are mixed in pieces of 16 bytes instead of stripes.</summary>
    private const int MixedBytesMax = 240;

    private const uint Prime32A = 0x9E3779B1;
    private const uint Prime32B = 0x85EBCA77;
    private const uint Prime32C = 0xC2B2AE3D;
    private const ulong Prime64A = 0x9E3779B185EBCA87;
    private const ulong Prime64B = 0xC2B2AE3D27D4EB4F;
    private const ulong Prime64C = 0x165667B19E3779F9;
    private const ulong Prime64D = 0x85EBCA77C2B2AE63;
    private const ulong Prime64E = 0x27D4EB2F165667C5;
    private const ulong MixPrimeA = 0x165667919E3779F9;
    private const ulong MixPrimeB = 0x9FB21C651E98DF25;

    private static readonly byte[] s_secret = Convert.FromHexString(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
            + "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
            + "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
            + "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
    );

    public static ulong Of(ReadOnlySpan<byte> bytes)
    {
        Invariant.That(bytes.Length >= BytesMin);
        return bytes.Length switch
        {
            <= 8 => OfUpTo8(bytes),
            <= 16 => OfUpTo16(bytes),
            <= 128 => OfUpTo128(bytes),
            <= MixedBytesMax => OfUpTo240(bytes),
            _ => OfStripes(bytes),
        };
    }

    private static ulong OfUpTo8(ReadOnlySpan<byte> bytes)
    {
        ulong first = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        ulong last = BinaryPrimitives.ReadUInt32LittleEndian(bytes[^sizeof(uint)..]);
        ulong hash = (last + (first << 32)) ^ Key(8) ^ Key(16);
        hash ^= BitOperations.RotateLeft(hash, 49) ^ BitOperations.RotateLeft(hash, 24);
        hash *= MixPrimeB;
        hash ^= (hash >> 35) + (ulong)bytes.Length;
        hash *= MixPrimeB;
        return hash ^ (hash >> 28);
    }

    private static ulong OfUpTo16(ReadOnlySpan<byte> bytes)
    {
        ulong first = Read(bytes) ^ Key(24) ^ Key(32);
        ulong last = Read(bytes[^sizeof(ulong)..]) ^ Key(40) ^ Key(48);
        ulong sum = (ulong)bytes.Length + BinaryPrimitives.ReverseEndianness(first) + last + Fold(first, last);
        return Avalanche(sum);
    }

    /// <summary>Pieces from both ends towards the middle.</summary>
    private static ulong OfUpTo128(ReadOnlySpan<byte> bytes)
    {
        ulong sum = (ulong)bytes.Length * Prime64A;
        for (int pair = (bytes.Length - 1) / 32; pair >= 0; pair--)
        {
            sum += Mix(bytes[(16 * pair)..], 32 * pair);
            sum += Mix(bytes[^(16 * (pair + 1))..], (32 * pair) + 16);
        }
        return Avalanche(sum);
    }

    private static ulong OfUpTo240(ReadOnlySpan<byte> bytes)
    {
        const int FirstPieces = 8;
        const int SecretShift = 3;
        const int LastPieceKeyAt = 119;
        ulong sum = (ulong)bytes.Length * Prime64A;
        int pieces = bytes.Length / 16;
        for (int piece = 0; piece < FirstPieces; piece++)
        {
            sum += Mix(bytes[(16 * piece)..], 16 * piece);
        }
        sum = Avalanche(sum);
        for (int piece = FirstPieces; piece < pieces; piece++)
        {
            sum += Mix(bytes[(16 * piece)..], (16 * (piece - FirstPieces)) + SecretShift);
        }
        sum += Mix(bytes[^16..], LastPieceKeyAt);
        return Avalanche(sum);
    }

    /// <summary>Stripes of 64 bytes into eight lanes, which are scrambled after each block; the last stripe may overlap.</summary>
    private static ulong OfStripes(ReadOnlySpan<byte> bytes)
    {
        const int LastStripeShift = 7;
        const int MergeKeyAt = 11;
        Span<ulong> lanes = [Prime32C, Prime64A, Prime64B, Prime64C, Prime64D, Prime32B, Prime64E, Prime32A];
        // The last byte belongs to the last stripe, also where it would fill a stripe or a block.
        int stripes = (bytes.Length - 1) / StripeBytes;
        for (int stripe = 0; stripe < stripes; stripe++)
        {
            Accumulate(lanes, bytes[(stripe * StripeBytes)..], stripe % StripesPerBlock * SecretStep);
            if (stripe % StripesPerBlock == StripesPerBlock - 1)
            {
                Scramble(lanes);
            }
        }
        Accumulate(lanes, bytes[^StripeBytes..], LastKeyAt - LastStripeShift);
        ulong sum = (ulong)bytes.Length * Prime64A;
        for (int pair = 0; pair < Lanes / 2; pair++)
        {
            int keyAt = MergeKeyAt + (16 * pair);
            sum += Fold(lanes[2 * pair] ^ Key(keyAt), lanes[(2 * pair) + 1] ^ Key(keyAt + sizeof(ulong)));
        }
        return Avalanche(sum);
    }

    private static void Accumulate(Span<ulong> lanes, ReadOnlySpan<byte> stripe, int keyAt)
    {
        for (int lane = 0; lane < Lanes; lane++)
        {
            ulong value = Read(stripe[(lane * sizeof(ulong))..]);
            ulong keyed = value ^ Key(keyAt + (lane * sizeof(ulong)));
            lanes[lane ^ 1] += value;
            lanes[lane] += (keyed & uint.MaxValue) * (keyed >> 32);
        }
    }

    private static void Scramble(Span<ulong> lanes)
    {
        for (int lane = 0; lane < Lanes; lane++)
        {
            ulong value = lanes[lane] ^ (lanes[lane] >> 47) ^ Key(LastKeyAt + (lane * sizeof(ulong)));
            lanes[lane] = value * Prime32A;
        }
    }

    private static ulong Mix(ReadOnlySpan<byte> piece, int keyAt) =>
        Fold(Read(piece) ^ Key(keyAt), Read(piece[sizeof(ulong)..]) ^ Key(keyAt + sizeof(ulong)));

    /// <summary>The two halves of the product over each other.</summary>
    private static ulong Fold(ulong a, ulong b) => Math.BigMul(a, b, out ulong low) ^ low;

    private static ulong Avalanche(ulong hash)
    {
        hash ^= hash >> 37;
        hash *= MixPrimeA;
        return hash ^ (hash >> 32);
    }

    private static ulong Key(int at) => Read(s_secret.AsSpan(at));

    private static ulong Read(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt64LittleEndian(bytes);
}
