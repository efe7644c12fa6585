namespace Aot.Perf.Records;

/// <summary>Keys at random, evenly or by Zipf's law, the same for the same seed.</summary>
internal sealed class KeyChoice
{
    private readonly Random _random = new(17);
    private readonly int _keys;
    private readonly double[]? _upTo;

    public KeyChoice(int keys, double skew)
    {
        _keys = keys;
        if (skew > 0)
        {
            double sum = 0;
            _upTo = new double[keys];
            for (int i = 0; i < keys; i++)
            {
                sum += 1 / Math.Pow(i + 1, skew);
                _upTo[i] = sum;
            }
        }
    }

    public int Next()
    {
        if (_upTo is null)
        {
            return _random.Next(_keys);
        }
        int found = Array.BinarySearch(_upTo, _random.NextDouble() * _upTo[^1]);
        return Math.Min(found < 0 ? ~found : found, _keys - 1);
    }
}
