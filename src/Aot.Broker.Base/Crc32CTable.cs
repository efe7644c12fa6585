namespace Aot.Broker.Base;

/// <summary>The plain byte-by-byte form, and multiplication modulo the polynomial without special instructions.</summary>
internal static class Crc32CTable
{
    /// <summary>0x1EDC6F41 bit-reflected.</summary>
    internal const uint Polynomial = 0x82F63B78;

    private static readonly uint[] s_table = BuildTable();

    internal static uint Append(uint state, ReadOnlySpan<byte> data)
    {
        uint[] table = s_table;
        foreach (byte b in data)
        {
            state = table[(byte)(state ^ b)] ^ (state >> 8);
        }
        return state;
    }

    /// <summary>a * b mod P, all bit-reflected (bit 31 is x^0).</summary>
    internal static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (uint bit = 1u << 31; bit != 0; bit >>= 1)
        {
            if ((a & bit) != 0)
            {
                product ^= b;
            }
            b = (b >> 1) ^ ((b & 1) * Polynomial);
        }
        return product;
    }

    private static uint[] BuildTable()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            uint value = i;
            for (int bit = 0; bit < 8; bit++)
            {
                value = (value >> 1) ^ ((value & 1) * Polynomial);
            }
            table[i] = value;
        }
        return table;
    }
}
