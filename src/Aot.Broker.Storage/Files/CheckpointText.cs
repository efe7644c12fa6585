using System.Globalization;
using System.Text;

namespace Aot.Broker.Storage.Files;

/// <summary>One line of an offset checkpoint.</summary>
public readonly record struct CheckpointEntry(TopicPartition Partition, long Offset);

/// <summary>One line of a leader epoch checkpoint.</summary>
public readonly record struct EpochEntry(int Epoch, long StartOffset);

/// <summary>
/// Kafka's checkpoint files as text: line one is the version (0), line two the number of entries, then one entry per
/// line, its fields separated by one blank. An empty file has no entries. Bytes in, bytes out: who writes them
/// (temporary file, fsync, rename) is not decided here.
/// </summary>
public static class CheckpointText
{
    private const string Version = "0";

    public static byte[] Write(ReadOnlySpan<CheckpointEntry> entries)
    {
        StringBuilder text = Head(entries.Length);
        foreach (CheckpointEntry entry in entries)
        {
            text.Append(entry.Partition.Topic)
                .Append(' ')
                .Append(entry.Partition.Partition)
                .Append(' ')
                .Append(entry.Offset)
                .Append('\n');
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    public static byte[] Write(ReadOnlySpan<EpochEntry> entries)
    {
        StringBuilder text = Head(entries.Length);
        foreach (EpochEntry entry in entries)
        {
            text.Append(entry.Epoch).Append(' ').Append(entry.StartOffset).Append('\n');
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>False: not a checkpoint (wrong version, wrong count, a line that is not an entry).</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, List<CheckpointEntry> into)
    {
        if (!TryLines(bytes, out string[] lines))
        {
            return false;
        }
        for (int i = 2; i < lines.Length; i++)
        {
            string[] fields = lines[i].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length != 3 || !TryInt(fields[1], out int partition) || !TryLong(fields[2], out long offset))
            {
                return false;
            }
            into.Add(new CheckpointEntry(new TopicPartition(fields[0], partition), offset));
        }
        return true;
    }

    public static bool TryRead(ReadOnlySpan<byte> bytes, List<EpochEntry> into)
    {
        if (!TryLines(bytes, out string[] lines))
        {
            return false;
        }
        for (int i = 2; i < lines.Length; i++)
        {
            string[] fields = lines[i].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length != 2 || !TryInt(fields[0], out int epoch) || !TryLong(fields[1], out long start))
            {
                return false;
            }
            into.Add(new EpochEntry(epoch, start));
        }
        return true;
    }

    private static StringBuilder Head(int count) => new StringBuilder(Version).Append('\n').Append(count).Append('\n');

    /// <summary>The lines without the end of the file; an empty file answers the two head lines of an empty list.</summary>
    private static bool TryLines(ReadOnlySpan<byte> bytes, out string[] lines)
    {
        lines = [Version, "0"];
        if (bytes.IsEmpty)
        {
            return true;
        }
        string text = Encoding.UTF8.GetString(bytes);
        lines = text.TrimEnd('\n', '\r').Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            lines[i] = lines[i].TrimEnd('\r');
        }
        return lines.Length >= 2
            && lines[0].Trim() == Version
            && TryInt(lines[1].Trim(), out int count)
            && count == lines.Length - 2;
    }

    private static bool TryInt(string text, out int value) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    private static bool TryLong(string text, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
}
