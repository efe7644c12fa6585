namespace Aot.Perf.Measure;

/// <summary>
/// Latencies in nanoseconds, counted in buckets whose width grows with the value: 128 to a power of two, so that a percentile
/// is at most 0.8 % too high whatever its size. The shape is that of HdrHistogram.
/// </summary>
internal sealed class Histogram
{
    private const int MantissaBits = 7;
    private const int PerPowerOfTwo = 1 << MantissaBits;

    private readonly long[] _counts = new long[(64 - MantissaBits) << MantissaBits];

    public long Count { get; private set; }

    public long Max { get; private set; }

    public double Mean => Count == 0 ? 0 : _sum / Count;

    private double _sum;

    public void Record(long nanoseconds)
    {
        nanoseconds = Math.Max(0, nanoseconds);
        _counts[IndexOf(nanoseconds)]++;
        Count++;
        _sum += nanoseconds;
        Max = Math.Max(Max, nanoseconds);
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
        Max = 0;
        _sum = 0;
    }

    public void Add(Histogram other)
    {
        for (int i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }
        Count += other.Count;
        _sum += other._sum;
        Max = Math.Max(Max, other.Max);
    }

    /// <summary>The value that this part of all (0 to 1) does not exceed; 0 when there is none.</summary>
    public long At(double part)
    {
        long wanted = Math.Clamp((long)Math.Ceiling(part * Count), 1, Math.Max(1, Count));
        long seen = 0;
        for (int i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= wanted)
            {
                return Math.Min(HighestOf(i), Max);
            }
        }
        return 0;
    }

    private static int IndexOf(long value)
    {
        if (value < PerPowerOfTwo)
        {
            return (int)value;
        }
        int shift = 63 - (int)long.LeadingZeroCount(value) - MantissaBits;
        return (shift << MantissaBits) + (int)(value >> shift);
    }

    private static long HighestOf(int index)
    {
        if (index < PerPowerOfTwo)
        {
            return index;
        }
        int shift = (index >> MantissaBits) - 1;
        long mantissa = (index & (PerPowerOfTwo - 1)) + PerPowerOfTwo;
        return ((mantissa + 1) << shift) - 1;
    }
}
