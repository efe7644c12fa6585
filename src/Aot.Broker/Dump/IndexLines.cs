using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Inspection;

namespace Aot.Broker.Dump;

/// <summary>The lines of an index file: one per entry, with offsets as the log has them.</summary>
internal static class IndexLines
{
    public static void Write(DumpWriter writer, Disk disk, string path, DumpKind kind, long baseOffset)
    {
        Errno error = kind switch
        {
            DumpKind.OffsetIndex => IndexEntries
                .TryOpenOffsets(disk, path, out IndexEntries? entries)
                .Then(() => WriteOffsets(writer, entries!, baseOffset)),
            DumpKind.TimeIndex => IndexEntries
                .TryOpenTimes(disk, path, out IndexEntries? entries)
                .Then(() => WriteTimes(writer, entries!, baseOffset)),
            _ => IndexEntries
                .TryOpenAborted(disk, path, out IndexEntries? entries)
                .Then(() => WriteAborted(writer, entries!)),
        };
        if (error != Errno.None)
        {
            throw LogDump.Unreadable(path, error);
        }
    }

    private static Errno Then(this Errno error, Action write)
    {
        if (error == Errno.None)
        {
            write();
        }
        return error;
    }

    private static void WriteOffsets(DumpWriter writer, IndexEntries opened, long baseOffset)
    {
        using IndexEntries entries = opened;
        while (entries.MoveNext())
        {
            (long relative, long position) = entries.AsOffset();
            writer.Begin("offsetIndex", "");
            writer.Field("offset", baseOffset + relative);
            writer.Field("position", position);
            writer.End();
        }
        WriteEnd(writer, entries);
    }

    private static void WriteTimes(DumpWriter writer, IndexEntries opened, long baseOffset)
    {
        using IndexEntries entries = opened;
        while (entries.MoveNext())
        {
            (long timestamp, long relative) = entries.AsTime();
            writer.Begin("timeIndex", "");
            writer.Field("timestamp", timestamp);
            writer.Field("offset", baseOffset + relative);
            writer.End();
        }
        WriteEnd(writer, entries);
    }

    private static void WriteAborted(DumpWriter writer, IndexEntries opened)
    {
        using IndexEntries entries = opened;
        while (entries.MoveNext())
        {
            (short version, long producer, long first, long last, long stable) = entries.AsAborted();
            writer.Begin("abortedTransaction", "");
            writer.Field("version", version);
            writer.Field("producerId", producer);
            writer.Field("firstOffset", first);
            writer.Field("lastOffset", last);
            writer.Field("lastStableOffset", stable);
            writer.End();
        }
        WriteEnd(writer, entries);
    }

    private static void WriteEnd(DumpWriter writer, IndexEntries entries)
    {
        if (entries.IsReserved)
        {
            writer.Begin("reserved", "zeros to the end of the file: reserved space,");
            writer.Field("entries", entries.Number + 1);
            writer.Field("bytes", entries.Length);
            writer.End();
        }
    }
}
