using System.Text;
using Aot.Broker.Harness;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>
/// A file of real text, a million lines long: the sources of this project again and again, each line behind its number. So
/// it compresses as text does, and a line that is lost, doubled, changed or moved is named by its number.
/// </summary>
internal sealed class NumberedLines
{
    public const int Million = 1_000_000;

    private const byte NewLine = (byte)'\n';

    private static readonly Lazy<byte[][]> s_text = new(ReadText);

    public NumberedLines(string path, int count = Million)
    {
        Path = path;
        Count = count;
        using FileStream file = File.Create(path, 1 << 20);
        byte[] line = new byte[4096];
        for (int i = 0; i < count; i++)
        {
            file.Write(line, 0, Compose(i, line));
        }
    }

    public string Path { get; }
    public int Count { get; }

    /// <summary>The other file has the same bytes.</summary>
    public void AssertSameBytes(string other)
    {
        using FileStream mine = new(Path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        using FileStream theirs = new(other, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        byte[] expected = new byte[1 << 20];
        byte[] actual = new byte[1 << 20];
        for (long position = 0; ; position += expected.Length)
        {
            int length = mine.ReadAtLeast(expected, expected.Length, throwOnEndOfStream: false);
            int other0 = theirs.ReadAtLeast(actual, actual.Length, throwOnEndOfStream: false);
            int same = expected.AsSpan(0, length).CommonPrefixLength(actual.AsSpan(0, other0));
            Assert.True(
                same == length && length == other0,
                $"{Path} has {mine.Length} bytes, {other} {theirs.Length}; they differ at {position + same}"
            );
            if (length < expected.Length)
            {
                return;
            }
        }
    }

    /// <summary>
    /// The files, one per partition, have every line once and unchanged, and each has its lines in the order of their
    /// numbers.
    /// </summary>
    public void AssertSpreadOver(IEnumerable<string> files)
    {
        bool[] seen = new bool[Count];
        int total = 0;
        byte[] expected = new byte[4096];
        foreach (string file in files)
        {
            byte[] bytes = File.ReadAllBytes(file);
            int last = -1;
            for (int start = 0; start < bytes.Length; )
            {
                int end = bytes.AsSpan(start).IndexOf(NewLine);
                Assert.True(end >= 7, $"{file} has no whole line at {start}");
                ReadOnlySpan<byte> line = bytes.AsSpan(start, end + 1);
                Assert.True(int.TryParse(line[..7], out int number) && number < Count, $"{file}: no number at {start}");
                Assert.True(number > last, $"{file} has line {number} after line {last}");
                Assert.False(seen[number], $"line {number} is there twice");
                Assert.True(
                    line.SequenceEqual(expected.AsSpan(0, Compose(number, expected))),
                    $"{file}: line {number} was changed: {Encoding.UTF8.GetString(line)}"
                );
                seen[number] = true;
                last = number;
                total++;
                start += end + 1;
            }
        }
        Assert.True(
            total == Count,
            $"{total} of {Count} lines; the first that is not there: {Array.IndexOf(seen, false)}"
        );
    }

    private static int Compose(int number, byte[] line)
    {
        byte[] text = s_text.Value[number % s_text.Value.Length];
        Assert.True(number.TryFormat(line, out int digits, "D7") && digits == 7);
        line[7] = (byte)' ';
        text.CopyTo(line, 8);
        line[8 + text.Length] = NewLine;
        return 9 + text.Length;
    }

    private static byte[][] ReadText() =>
        [
            .. Directory
                .EnumerateFiles(System.IO.Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal)
                .SelectMany(File.ReadLines)
                .Where(line => line.Length is > 40 and < 1000)
                .Select(Encoding.UTF8.GetBytes),
        ];
}
