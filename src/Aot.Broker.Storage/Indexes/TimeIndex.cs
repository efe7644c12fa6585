using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Indexes;

/// <summary>
/// <c>.timeindex</c>: the largest timestamp so far, and the last offset of the batch that has it.
/// <code>
/// 0 i64 timestamp in milliseconds   8 i32 last offset of the batch - base offset of the segment
/// </code>
/// Timestamps are strictly ascending: whatever comes after an entry's offset may be older, never what comes before it
/// newer.
/// </summary>
internal sealed class TimeIndex
{
    public const int EntryBytes = 12;

    private readonly long _baseOffset;

    public TimeIndex(long baseOffset)
    {
        _baseOffset = baseOffset;
        LastOffset = baseOffset;
    }

    public IndexFile File { get; } = new(EntryBytes, wideKey: true);

    /// <summary>-1 without entries.</summary>
    public long LastTimestamp { get; private set; } = -1;

    /// <summary>The base offset without entries.</summary>
    public long LastOffset { get; private set; }

    public int Count => File.Count;

    /// <summary>Adds an entry unless it tells nothing new. False: the tail is full and has to be written first.</summary>
    public bool TryAppend(long timestamp, long offset)
    {
        if (timestamp <= LastTimestamp || offset < LastOffset)
        {
            return true;
        }
        if (File.IsTailFull)
        {
            return false;
        }
        Span<byte> entry = stackalloc byte[EntryBytes];
        BinaryPrimitives.WriteInt64BigEndian(entry, timestamp);
        BinaryPrimitives.WriteInt32BigEndian(entry[8..], checked((int)(offset - _baseOffset)));
        File.Append(entry);
        LastTimestamp = timestamp;
        LastOffset = offset;
        return true;
    }

    /// <summary>The offset from which on a timestamp of at least <paramref name="timestamp"/> can be.</summary>
    public long Lookup(long timestamp, Disk disk, Fd file)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        return File.Floor(timestamp, disk, file, entry) < 0
            ? _baseOffset
            : _baseOffset + BinaryPrimitives.ReadInt32BigEndian(entry[8..]);
    }

    /// <summary>Takes a file over. False when it cannot be this segment's: it is to be rebuilt.</summary>
    public bool TryOpen(long fileBytes, Disk disk, Fd file)
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
        if (File.ReadEntry(0, disk, file, entry) != Errno.None)
        {
            return false;
        }
        long first = BinaryPrimitives.ReadInt64BigEndian(entry);
        if (File.ReadEntry(File.Written - 1, disk, file, entry) != Errno.None)
        {
            return false;
        }
        LastTimestamp = BinaryPrimitives.ReadInt64BigEndian(entry);
        int relative = BinaryPrimitives.ReadInt32BigEndian(entry[8..]);
        LastOffset = _baseOffset + relative;
        // A file that was never cut to its entries ends in zeros, and its last entry is not after its first.
        return relative >= 0 && first >= 0 && (File.Written == 1 || LastTimestamp > first);
    }

    /// <summary>Drops the entries at or after the offset; the caller cuts the file to <see cref="IndexFile.Count"/>.</summary>
    public void TruncateTo(long endOffset, Disk disk, Fd file)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        int keep = Count;
        LastTimestamp = -1;
        LastOffset = _baseOffset;
        while (keep > 0)
        {
            if (File.ReadEntry(keep - 1, disk, file, entry) != Errno.None)
            {
                keep = 0;
                break;
            }
            long offset = _baseOffset + BinaryPrimitives.ReadInt32BigEndian(entry[8..]);
            if (offset < endOffset)
            {
                LastTimestamp = BinaryPrimitives.ReadInt64BigEndian(entry);
                LastOffset = offset;
                break;
            }
            keep--;
        }
        File.TruncateTo(keep);
    }

    public void Clear()
    {
        File.Clear();
        LastTimestamp = -1;
        LastOffset = _baseOffset;
    }
}
