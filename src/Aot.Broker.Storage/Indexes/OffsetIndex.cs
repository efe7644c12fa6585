using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Indexes;

/// <summary>
/// <c>.index</c>: for some batches, their last offset and where they begin.
/// <code>
/// 0 i32 last offset - base offset of the segment   4 i32 position in the .log file
/// </code>
/// Offsets are strictly ascending. A lookup gives the place from which to walk batches forward.
/// </summary>
internal sealed class OffsetIndex(long baseOffset)
{
    public const int EntryBytes = 8;

    public IndexFile File { get; } = new(EntryBytes, wideKey: false);

    /// <summary>Of the newest entry, relative to the base offset; -1 without entries.</summary>
    public int LastRelativeOffset { get; private set; } = -1;

    /// <summary>Of the newest entry; 0 without entries.</summary>
    public int LastPosition { get; private set; }

    public int Count => File.Count;

    /// <summary>Adds an entry. False: the tail is full and has to be written first.</summary>
    public bool TryAppend(long lastOffset, int position)
    {
        int relative = checked((int)(lastOffset - baseOffset));
        Invariant.That(relative > LastRelativeOffset && position >= LastPosition);
        if (File.IsTailFull)
        {
            return false;
        }
        Span<byte> entry = stackalloc byte[EntryBytes];
        BinaryPrimitives.WriteInt32BigEndian(entry, relative);
        BinaryPrimitives.WriteInt32BigEndian(entry[4..], position);
        File.Append(entry);
        LastRelativeOffset = relative;
        LastPosition = position;
        return true;
    }

    /// <summary>Where to begin looking for <paramref name="offset"/>: the position of a batch at or before it.</summary>
    public int Lookup(long offset, Disk disk, Fd file)
    {
        long relative = offset - baseOffset;
        if (LastRelativeOffset < 0 || relative < 0)
        {
            return 0;
        }
        if (relative >= LastRelativeOffset)
        {
            return LastPosition;
        }
        Span<byte> entry = stackalloc byte[EntryBytes];
        return File.Floor(relative, disk, file, entry) < 0 ? 0 : BinaryPrimitives.ReadInt32BigEndian(entry[4..]);
    }

    /// <summary>How much of the file a lookup may read; 0 when memory answers it.</summary>
    public int BytesToLookUp(long offset)
    {
        long relative = offset - baseOffset;
        bool isInMemory = LastRelativeOffset < 0 || relative < 0 || relative >= LastRelativeOffset;
        return isInMemory || File.IsInTail(relative) ? 0 : File.Written * EntryBytes;
    }

    /// <summary>The offset of the first entry at or after a position: no batch that begins before it is later. -1: none.</summary>
    public long FirstOffsetFrom(int position, Disk disk, Fd file)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        int next = position == 0 ? 0 : File.FloorByValue(position - 1, disk, file, entry) + 1;
        if (next >= Count || File.ReadEntry(next, disk, file, entry) != Errno.None)
        {
            return -1;
        }
        return baseOffset + BinaryPrimitives.ReadInt32BigEndian(entry);
    }

    /// <summary>
    /// Takes a file over. False when it cannot be the index of a segment of <paramref name="logBytes"/> bytes: it is
    /// to be rebuilt.
    /// </summary>
    public bool TryOpen(long fileBytes, long logBytes, Disk disk, Fd file)
    {
        Clear();
        if (fileBytes < 0 || fileBytes % EntryBytes != 0)
        {
            return false;
        }
        File.SetWritten(checked((int)(fileBytes / EntryBytes)));
        if (File.Written == 0)
        {
            return true;
        }
        Span<byte> entry = stackalloc byte[EntryBytes];
        if (File.ReadEntry(File.Written - 1, disk, file, entry) != Errno.None)
        {
            return false;
        }
        LastRelativeOffset = BinaryPrimitives.ReadInt32BigEndian(entry);
        LastPosition = BinaryPrimitives.ReadInt32BigEndian(entry[4..]);
        // A file that was never cut to its entries ends in zeros; only a single entry may say so.
        bool plausible = File.Written == 1 ? LastRelativeOffset >= 0 : LastRelativeOffset > 0 && LastPosition > 0;
        return plausible && LastPosition >= 0 && LastPosition < logBytes;
    }

    /// <summary>Drops the entries at or after the offset; the caller cuts the file to <see cref="IndexFile.Count"/>.</summary>
    public void TruncateTo(long endOffset, Disk disk, Fd file)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        int keep = File.Floor(endOffset - 1 - baseOffset, disk, file, entry) + 1;
        File.TruncateTo(keep);
        LastRelativeOffset = keep == 0 ? -1 : BinaryPrimitives.ReadInt32BigEndian(entry);
        LastPosition = keep == 0 ? 0 : BinaryPrimitives.ReadInt32BigEndian(entry[4..]);
    }

    public void Clear()
    {
        File.Clear();
        LastRelativeOffset = -1;
        LastPosition = 0;
    }
}
