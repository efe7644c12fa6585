using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Indexes;

/// <summary>
/// A sparse index: entries of a fixed size in ascending order of their first field. The first entries are in the
/// file, the newest ones in a tail in memory that is written out when it is full, when the segment is sealed and when
/// the log is idle. A file is therefore always exactly as long as its entries, as Apache Kafka wants to find it, and
/// an idle log holds no memory for it.
/// </summary>
/// <remarks>
/// Owner: the log's core; a recovery job owns it before the log exists. Indexes are not mapped into memory: a map per
/// segment would cost address space, page tables and faults for thousands of idle partitions, and the simulator could
/// not see the writes. A lookup costs about ten reads of eight bytes and one of a page (3 us when hot), and only for
/// readers that are not at the tail.
/// </remarks>
internal sealed class IndexFile
{
    /// <summary>Bytes of the tail: a page, 512 entries of an offset index, two megabytes of log.</summary>
    private const int TailBytes = 4096;

    private readonly int _entryBytes;
    private readonly bool _wideKey;
    private readonly int _valueAt;
    private byte[]? _tail;
    private int _tailCount;

    /// <param name="entryBytes">Of one entry.</param>
    /// <param name="wideKey">The key is the first eight bytes (a timestamp), not the first four.</param>
    public IndexFile(int entryBytes, bool wideKey)
    {
        _entryBytes = entryBytes;
        _wideKey = wideKey;
        _valueAt = wideKey ? 8 : 4;
    }

    /// <summary>Entries in the file.</summary>
    public int Written { get; private set; }

    public int Count => Written + _tailCount;

    public bool HasTail => _tailCount > 0;

    private int TailCapacity => TailBytes / _entryBytes;

    public bool IsTailFull => _tailCount == TailCapacity;

    /// <summary>What the file holds, after its length was looked at.</summary>
    public void SetWritten(int entries)
    {
        Invariant.That(entries >= 0 && _tailCount == 0);
        Written = entries;
    }

    /// <summary>The tail must have room: see <see cref="IsTailFull"/>.</summary>
    public void Append(ReadOnlySpan<byte> entry)
    {
        Invariant.That(entry.Length == _entryBytes && _tailCount < TailCapacity);
        _tail ??= new byte[TailBytes];
        entry.CopyTo(_tail.AsSpan(_tailCount * _entryBytes));
        _tailCount++;
    }

    /// <summary>The entries that are not in the file yet; they belong at byte <see cref="TailPosition"/>.</summary>
    public ReadOnlySpan<byte> Tail => _tail.AsSpan(0, _tailCount * _entryBytes);

    public long TailPosition => (long)Written * _entryBytes;

    /// <summary>The tail is in the file now.</summary>
    public void TailWritten()
    {
        Written += _tailCount;
        _tailCount = 0;
    }

    /// <summary>Gives the tail's memory back; only without entries in it.</summary>
    public void ReleaseMemory()
    {
        if (_tailCount == 0)
        {
            _tail = null;
        }
    }

    public void Clear()
    {
        Written = 0;
        _tailCount = 0;
        _tail = null;
    }

    /// <summary>Drops the entries from <paramref name="count"/> on. The caller cuts the file when it was longer.</summary>
    public void TruncateTo(int count)
    {
        Invariant.That(count <= Count);
        if (count >= Written)
        {
            _tailCount = count - Written;
            return;
        }
        Written = count;
        _tailCount = 0;
    }

    public Errno ReadEntry(int index, Disk disk, Fd file, Span<byte> into)
    {
        Invariant.That(index >= 0 && index < Count && into.Length == _entryBytes);
        if (index >= Written)
        {
            _tail.AsSpan((index - Written) * _entryBytes, _entryBytes).CopyTo(into);
            return Errno.None;
        }
        long read = file.IsOpen ? disk.Read(file, into, (long)index * _entryBytes) : -(long)Errno.EBADF;
        return read == _entryBytes ? Errno.None
            : read < 0 ? (Errno)(-read)
            : Errno.EIO;
    }

    /// <summary>
    /// The last entry whose key is at most <paramref name="key"/>: its number, or -1. The file is only needed when
    /// <see cref="Written"/> is not 0.
    /// </summary>
    public int Floor(long key, Disk disk, Fd file, Span<byte> entry) => Floor(key, byValue: false, disk, file, entry);

    /// <summary>As <see cref="Floor(long, Disk, Fd, Span{byte})"/>, by the second field, which ascends as well.</summary>
    public int FloorByValue(int value, Disk disk, Fd file, Span<byte> entry) =>
        Floor(value, byValue: true, disk, file, entry);

    /// <summary>Whether the floor of a key is among the entries in memory.</summary>
    public bool IsInTail(long key) => _tailCount > 0 && KeyOf(_tail, byValue: false) <= key;

    private int Floor(long key, bool byValue, Disk disk, Fd file, Span<byte> entry)
    {
        if (_tailCount > 0 && KeyOf(_tail, byValue) <= key)
        {
            int inTail = FloorIn(Tail, key, byValue);
            Tail.Slice(inTail * _entryBytes, _entryBytes).CopyTo(entry);
            return Written + inTail;
        }
        return Written == 0 ? -1 : FloorInFile(key, byValue, disk, file, entry);
    }

    private int FloorInFile(long key, bool byValue, Disk disk, Fd file, Span<byte> entry)
    {
        if (!file.IsOpen)
        {
            return -1; // It could not be opened: the caller searches the log itself.
        }
        int low = 0;
        int high = Written;
        // Invariant: entries before low are at most key, entries from high on are above it.
        Span<byte> page = stackalloc byte[TailBytes];
        int pageEntries = TailCapacity;
        while (high - low > pageEntries)
        {
            int middle = (low + high) >>> 1;
            if (disk.Read(file, entry, (long)middle * _entryBytes) != _entryBytes)
            {
                return -1;
            }
            if (KeyOf(entry, byValue) <= key)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }
        int bytes = (high - low) * _entryBytes;
        if (disk.Read(file, page[..bytes], (long)low * _entryBytes) != bytes)
        {
            return -1;
        }
        int found = FloorIn(page[..bytes], key, byValue);
        if (found < 0)
        {
            return -1;
        }
        page.Slice(found * _entryBytes, _entryBytes).CopyTo(entry);
        return low + found;
    }

    private int FloorIn(ReadOnlySpan<byte> entries, long key, bool byValue)
    {
        int low = 0;
        int high = entries.Length / _entryBytes;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (KeyOf(entries[(middle * _entryBytes)..], byValue) <= key)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return low - 1;
    }

    private long KeyOf(ReadOnlySpan<byte> entry, bool byValue) =>
        byValue ? BinaryPrimitives.ReadInt32BigEndian(entry[_valueAt..])
        : _wideKey ? BinaryPrimitives.ReadInt64BigEndian(entry)
        : BinaryPrimitives.ReadInt32BigEndian(entry);
}
