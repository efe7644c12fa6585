using System.Text;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// What happened in a world, as one number: FNV-1a, by words, over the kind, the time and the data of every event. Two runs of a
/// seed that differ in a single event differ here. The last events are kept in words for the report of a failure.
/// </summary>
internal sealed class Trace
{
    private const ulong Basis = 0xCBF29CE484222325UL;
    private const ulong Prime = 0x00000100000001B3UL;
    private const int KeptEvents = 64;

    private readonly Event[] _last = new Event[KeptEvents];
    private readonly StreamWriter? _file;
    private long _kept;

    private readonly record struct Event(long Nanos, string Kind, string? Text, long A, long B);

    /// <param name="path">A file that gets every event as a line, to find where two runs part; null = none.</param>
    public Trace(string? path = null) => _file = path is null ? null : new StreamWriter(path);

    public ulong Hash { get; private set; } = Basis;

    public long Events { get; private set; }

    /// <param name="nanos">When.</param>
    /// <param name="kind">What.</param>
    /// <param name="a">A number of it.</param>
    /// <param name="b">Another.</param>
    /// <param name="text">Words for the reader, which do not count in the hash.</param>
    public void Add(long nanos, string kind, long a = 0, long b = 0, string? text = null)
    {
        AddRoutine(nanos, kind, a, b);
        _last[_kept++ % KeptEvents] = new Event(nanos, kind, text, a, b);
        _file?.WriteLine($"{nanos} {kind} {text} {a} {b} {Hash:x16}");
    }

    /// <summary>An event that says nothing to a reader of a failure: it only counts.</summary>
    public void AddRoutine(long nanos, string kind, long a = 0, long b = 0)
    {
        foreach (char letter in kind)
        {
            Hash = (Hash ^ letter) * Prime;
        }
        Hash = (Hash ^ (ulong)nanos) * Prime;
        Hash = (Hash ^ (ulong)a) * Prime;
        Hash = (Hash ^ (ulong)b) * Prime;
        Hash ^= Hash >> 29;
        Events++;
    }

    public static long HashOf(ReadOnlySpan<byte> bytes)
    {
        ulong hash = Basis ^ (ulong)bytes.Length;
        while (bytes.Length >= sizeof(ulong))
        {
            hash = (hash ^ BitConverter.ToUInt64(bytes)) * Prime;
            hash ^= hash >> 31;
            bytes = bytes[sizeof(ulong)..];
        }
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
        for (long i = Math.Max(0, _kept - KeptEvents); i < _kept; i++)
        {
            Event one = _last[i % KeptEvents];
            text.Append($"  {one.Nanos / 1e6, 12:F3} ms  {one.Kind} {one.Text} {one.A} {one.B}\n");
        }
        return text.ToString();
    }

    public void Close() => _file?.Dispose();
}
