using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage.Indexes;

/// <summary>An entry of <c>.txnindex</c>: one aborted transaction with data in this partition.</summary>
internal readonly record struct AbortedEntry(long ProducerId, long FirstOffset, long LastOffset, long LastStableOffset);

/// <summary>
/// <c>.txnindex</c>: the aborted transactions whose marker is in this segment, in the order of the markers.
/// <code>
/// 0 i16 version 0   2 i64 producer id   10 i64 first offset   18 i64 last offset (the marker)   26 i64 last stable offset
/// </code>
/// The file exists only where there is an entry. Entries are written at once (an abort is rare) and kept in memory
/// from the first lookup until the log is idle.
/// </summary>
internal sealed class TransactionIndex(string directory, long baseOffset)
{
    public const int EntryBytes = 34;

    private AbortedEntry[]? _cached;

    public int Count { get; private set; }

    private string FilePath => LogFileNames.Segment(directory, baseOffset, LogFileNames.TransactionIndexSuffix);

    /// <summary>Takes the file over. False: not a transaction index; the segment is to be recovered.</summary>
    public bool TryOpen(long fileBytes)
    {
        _cached = null;
        Count = fileBytes <= 0 ? 0 : checked((int)(fileBytes / EntryBytes));
        return fileBytes <= 0 || fileBytes % EntryBytes == 0;
    }

    /// <summary>
    /// False: it cannot be this segment's, which ends before <paramref name="endOffset"/>. Markers are in ascending order,
    /// each behind the first record of its transaction.
    /// </summary>
    public bool IsSound(long endOffset, Disk disk)
    {
        if (Count == 0)
        {
            return true;
        }
        if (disk.ReadAllBytes(FilePath, out byte[] bytes) != Errno.None || bytes.Length != Count * EntryBytes)
        {
            return false;
        }
        long previous = baseOffset - 1;
        for (int at = 0; at < bytes.Length; at += EntryBytes)
        {
            ReadOnlySpan<byte> entry = bytes.AsSpan(at, EntryBytes);
            long first = BinaryPrimitives.ReadInt64BigEndian(entry[10..]);
            long last = BinaryPrimitives.ReadInt64BigEndian(entry[18..]);
            bool isInPlace = last > previous && last < endOffset && first >= 0 && first < last;
            if (!isInPlace || BinaryPrimitives.ReadInt16BigEndian(entry) != 0)
            {
                return false;
            }
            previous = last;
        }
        return true;
    }

    public Errno Append(in AbortedEntry entry, Disk disk)
    {
        Span<byte> bytes = stackalloc byte[EntryBytes];
        Write(bytes, entry);
        Errno error = disk.Open(FilePath, DiskOpen.OpenOrCreate, out Fd file);
        if (error != Errno.None)
        {
            return error;
        }
        long written = disk.Write(file, bytes, (long)Count * EntryBytes);
        disk.Close(file);
        if (written < 0)
        {
            return (Errno)(-written);
        }
        Count++;
        _cached = null;
        return Errno.None;
    }

    /// <summary>Another view of the file, with the entries that it has now; for another thread.</summary>
    public TransactionIndex Snapshot() => new(directory, baseOffset) { Count = Count };

    /// <summary>The file was copied to another directory.</summary>
    public TransactionIndex InDirectory(string other) => new(other, baseOffset) { Count = Count };

    /// <summary>The entries of a file that was written elsewhere and will have this index' name.</summary>
    public void Take(AbortedEntry[] entries)
    {
        Count = entries.Length;
        _cached = entries;
    }

    public static byte[] ToBytes(ReadOnlySpan<AbortedEntry> entries)
    {
        byte[] bytes = new byte[entries.Length * EntryBytes];
        for (int i = 0; i < entries.Length; i++)
        {
            Write(bytes.AsSpan(i * EntryBytes), entries[i]);
        }
        return bytes;
    }

    /// <summary>
    /// Adds the transactions that overlap [fetchOffset, upperBound). True: no later segment can have another one.
    /// </summary>
    public bool Collect(long fetchOffset, long upperBound, List<AbortedTransaction> into, Disk disk)
    {
        if (Count == 0)
        {
            return false;
        }
        foreach (AbortedEntry entry in Entries(disk))
        {
            if (entry.LastOffset >= fetchOffset && entry.FirstOffset < upperBound)
            {
                into.Add(new AbortedTransaction(entry.ProducerId, entry.FirstOffset));
            }
            if (entry.LastStableOffset >= upperBound)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>All entries; empty when the file cannot be read.</summary>
    public ReadOnlySpan<AbortedEntry> Entries(Disk disk)
    {
        if (_cached is null)
        {
            _cached = [];
            if (Count > 0 && disk.ReadAllBytes(FilePath, out byte[] bytes) == Errno.None)
            {
                _cached = new AbortedEntry[Math.Min(Count, bytes.Length / EntryBytes)];
                for (int i = 0; i < _cached.Length; i++)
                {
                    ReadOnlySpan<byte> entry = bytes.AsSpan(i * EntryBytes, EntryBytes);
                    _cached[i] = new AbortedEntry(
                        BinaryPrimitives.ReadInt64BigEndian(entry[2..]),
                        BinaryPrimitives.ReadInt64BigEndian(entry[10..]),
                        BinaryPrimitives.ReadInt64BigEndian(entry[18..]),
                        BinaryPrimitives.ReadInt64BigEndian(entry[26..])
                    );
                }
            }
        }
        return _cached;
    }

    /// <summary>Drops the entries whose marker is at or after the offset, in the file too.</summary>
    public Errno TruncateTo(long endOffset, Disk disk)
    {
        int keep = 0;
        foreach (AbortedEntry entry in Entries(disk))
        {
            if (entry.LastOffset >= endOffset)
            {
                break;
            }
            keep++;
        }
        if (keep == Count)
        {
            return Errno.None;
        }
        Count = keep;
        _cached = null;
        return keep == 0 ? disk.Delete(FilePath) : CutFile(disk);
    }

    private Errno CutFile(Disk disk)
    {
        Errno error = disk.Open(FilePath, DiskOpen.ReadWrite, out Fd file);
        if (error == Errno.None)
        {
            error = disk.Truncate(file, (long)Count * EntryBytes);
            disk.Close(file);
        }
        return error;
    }

    public void ReleaseMemory() => _cached = null;

    private static void Write(Span<byte> bytes, in AbortedEntry entry)
    {
        BinaryPrimitives.WriteInt16BigEndian(bytes, 0);
        BinaryPrimitives.WriteInt64BigEndian(bytes[2..], entry.ProducerId);
        BinaryPrimitives.WriteInt64BigEndian(bytes[10..], entry.FirstOffset);
        BinaryPrimitives.WriteInt64BigEndian(bytes[18..], entry.LastOffset);
        BinaryPrimitives.WriteInt64BigEndian(bytes[26..], entry.LastStableOffset);
    }
}
