namespace Aot.Broker.Protocol.Records;

/// <summary>CRC-32 (IEEE 802.3), the checksum of messages of magic 0 and 1. Old segments only: a plain table will do.</summary>
internal static class Crc32Ieee
{
    private const uint Polynomial = 0xEDB88320;

    private static readonly uint[] s_table = BuildTable();

    internal static uint Compute(ReadOnlySpan<byte> data)
    {
        uint[] table = s_table;
        uint state = uint.MaxValue;
        foreach (byte b in data)
        {
            state = table[(byte)(state ^ b)] ^ (state >> 8);
        }
        return ~state;
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
