using System.Numerics;

namespace Aot.Broker.Coordinators;

/// <summary>
/// The order in which Apache Kafka lists groups and their members: that of the slots of its hash tables over their ids.
/// Nobody should rely on it, and yet its own tests do, as will programs whose results were once compared.
/// </summary>
/// <remarks>
/// The slot of a key is the upper bits of its hash times a constant. A table has two slots at least and as many more, by
/// doubling, as keep three quarters of the keys from being more than the slots. Within a slot the youngest comes first.
/// A table that has once been larger keeps its size; here the size is that of the present keys, which differs only in
/// the order within a slot.
/// </remarks>
public static class SlotOrder
{
    private const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;
    private const int SlotsMin = 2;

    /// <summary>Sorts what is in the order in which it came, by its ids.</summary>
    public static void Sort<T>(List<T> items, Func<T, string> idOf)
        where T : class
    {
        int bits = BitsOf(items.Count);
        long[] places = new long[items.Count];
        T[] sorted = [.. items];
        for (int i = 0; i < sorted.Length; i++)
        {
            // The slot above, and below it the place counted from the end.
            long slot = (long)(unchecked((ulong)HashOf(idOf(sorted[i])) * Multiplier) >> (64 - bits));
            places[i] = (slot << 32) | (uint)(sorted.Length - i);
        }
        Array.Sort(places, sorted);
        items.Clear();
        items.AddRange(sorted);
    }

    private static int BitsOf(int count)
    {
        int slots = SlotsMin;
        while (count * 3L > slots * 4L)
        {
            slots *= 2;
        }
        return BitOperations.Log2((uint)slots);
    }

    /// <summary>The hash of a string as Java defines it, in 64 bits with its sign.</summary>
    private static long HashOf(string text)
    {
        int hash = 0;
        foreach (char character in text)
        {
            hash = unchecked((hash * 31) + character);
        }
        return hash;
    }
}
