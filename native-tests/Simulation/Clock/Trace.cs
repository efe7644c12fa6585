using System.Text;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// What happened in a world, as one number: FNV-1a over the kind, the time and the data of every event. Two runs of a
/// seed that differ in a single event differ here. The last events are kept in words for the report of a failure.
/// </summary>
internal sealed class Trace
{
    private const ulong Basis = 0xCBF29CE484222325UL;
    private const ulong Prime = 0x00000100000001B3UL;
    private const int KeptEvents = 48;

    private readonly (long Nanos, string Kind, long A, long B)[] _last = new (long Nanos, string Kind, long A, long B)[
        KeptEvents
    ];
    private readonly StreamWriter? _file;

    /// <param name="path">A file that gets every event as a line, to find where two runs part; null = none.</param>
    public Trace(string? path = null) => _file = path is null ? null : new StreamWriter(path);

    public ulong Hash { get; private set; } = Basis;

    public long Events { get; private set; }

    public void Add(long nanos, string kind, long a = 0, long b = 0)
    {
        foreach (char letter in kind)
        {
            Hash = (Hash ^ letter) * Prime;
        }
        Mix((ulong)nanos);
        Mix((ulong)a);
        Mix((ulong)b);
        _last[Events % KeptEvents] = (nanos, kind, a, b);
        Events++;
        _file?.WriteLine($"{nanos} {kind} {a} {b} {Hash:x16}");
    }

    public static long HashOf(ReadOnlySpan<byte> bytes)
    {
        ulong hash = Basis;
        foreach (byte one in bytes)
        {
            hash = (hash ^ one) * Prime;
        }
        return (long)hash;
    }

    public static long HashOf(string text)
    {
        ulong hash = Basis;
        foreach (char letter in text)
        {
            hash = (hash ^ letter) * Prime;
        }
        return (long)hash;
    }

    public string LastEvents()
    {
        StringBuilder text = new();
        for (long i = Math.Max(0, Events - KeptEvents); i < Events; i++)
        {
            (long nanos, string kind, long a, long b) = _last[i % KeptEvents];
            text.Append($"  {nanos / 1e6, 12:F3} ms  {kind} {a} {b}\n");
        }
        return text.ToString();
    }

    public void Close() => _file?.Dispose();

    private void Mix(ulong value)
    {
        for (int i = 0; i < sizeof(ulong); i++)
        {
            Hash = (Hash ^ (value & 0xFF)) * Prime;
            value >>= 8;
        }
    }
}
