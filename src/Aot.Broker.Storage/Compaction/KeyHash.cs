using System.Buffers.Binary;
using System.Numerics;

namespace Aot.Broker.Storage.Compaction;

/// <summary>What stands for a record's key in an <see cref="OffsetMap"/>.</summary>
internal readonly record struct KeyHash(ulong Low, ulong High);

/// <summary>
/// SipHash-2-4 with 128 bits of output (Aumasson, Bernstein). Two keys with one hash would lose a record, so the hash
/// has as many bits as Kafka's MD5, and a secret of its own per pass: nobody can make keys that collide.
/// </summary>
internal readonly struct KeyHasher(ulong secret0, ulong secret1)
{
    public KeyHash Hash(ReadOnlySpan<byte> key)
    {
        State state = new()
        {
            V0 = secret0 ^ 0x736f6d6570736575,
            V1 = secret1 ^ 0x646f72616e646f6d ^ 0xee,
            V2 = secret0 ^ 0x6c7967656e657261,
            V3 = secret1 ^ 0x7465646279746573,
        };
        ulong last = (ulong)key.Length << 56;
        while (key.Length >= sizeof(ulong))
        {
            state.Add(BinaryPrimitives.ReadUInt64LittleEndian(key));
            key = key[sizeof(ulong)..];
        }
        for (int i = 0; i < key.Length; i++)
        {
            last |= (ulong)key[i] << (8 * i);
        }
        state.Add(last);
        state.V2 ^= 0xee;
        ulong low = state.Finish();
        state.V1 ^= 0xdd;
        return new KeyHash(low, state.Finish());
    }

    private struct State
    {
        public ulong V0;
        public ulong V1;
        public ulong V2;
        public ulong V3;

        public void Add(ulong word)
        {
            V3 ^= word;
            Round();
            Round();
            V0 ^= word;
        }

        public ulong Finish()
        {
            Round();
            Round();
            Round();
            Round();
            return V0 ^ V1 ^ V2 ^ V3;
        }

        private void Round()
        {
            V0 += V1;
            V2 += V3;
            V1 = BitOperations.RotateLeft(V1, 13) ^ V0;
            V3 = BitOperations.RotateLeft(V3, 16) ^ V2;
            V0 = BitOperations.RotateLeft(V0, 32);
            V2 += V1;
            V0 += V3;
            V1 = BitOperations.RotateLeft(V1, 17) ^ V2;
            V3 = BitOperations.RotateLeft(V3, 21) ^ V0;
            V2 = BitOperations.RotateLeft(V2, 32);
        }
    }
}
