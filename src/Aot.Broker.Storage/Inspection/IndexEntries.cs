using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Indexes;

namespace Aot.Broker.Storage.Inspection;

/// <summary>
/// The entries of an index file in order, read in pieces. Apache Kafka reserves the file of a segment that it writes to:
/// the walk ends where only zeros follow, and says so.
/// </summary>
public sealed class IndexEntries : IDisposable
{
    private const int EntriesPerPiece = 1024;

    private readonly Disk _disk;
    private readonly Fd _file;
    private readonly int _entryBytes;
    private readonly byte[] _piece;
    private long _pieceStart;
    private int _pieceBytes;

    private IndexEntries(Disk disk, Fd file, int entryBytes)
    {
        _disk = disk;
        _file = file;
        _entryBytes = entryBytes;
        _piece = new byte[EntriesPerPiece * entryBytes];
        Length = Math.Max(0, disk.Length(file));
        Number = -1;
    }

    public long Length { get; }

    /// <summary>The current entry's, from 0; the number of entries less one at the end.</summary>
    public int Number { get; private set; }

    public bool IsReserved { get; private set; }

    /// <summary>Bytes that are no whole entry, at the end.</summary>
    public long BytesOver => Length % _entryBytes;

    public ReadOnlySpan<byte> Current
    {
        get { return Slice(Number); }
    }

    public static Errno TryOpenOffsets(Disk disk, string path, out IndexEntries? entries) =>
        TryOpen(disk, path, OffsetIndex.EntryBytes, out entries);

    public static Errno TryOpenTimes(Disk disk, string path, out IndexEntries? entries) =>
        TryOpen(disk, path, TimeIndex.EntryBytes, out entries);

    public static Errno TryOpenAborted(Disk disk, string path, out IndexEntries? entries) =>
        TryOpen(disk, path, TransactionIndex.EntryBytes, out entries);

    private static Errno TryOpen(Disk disk, string path, int entryBytes, out IndexEntries? entries)
    {
        Errno error = disk.Open(path, DiskOpen.ReadOnly, out Fd file);
        entries = error == Errno.None ? new IndexEntries(disk, file, entryBytes) : null;
        return error;
    }

    public bool MoveNext()
    {
        long next = (long)(Number + 1) * _entryBytes;
        if (IsReserved || next + _entryBytes > Length || !Load(next))
        {
            return false;
        }
        bool isZero = !Slice(Number + 1).ContainsAnyExcept((byte)0);
        if (isZero && (Number >= 0 || Length > _entryBytes))
        {
            IsReserved = true;
            return false;
        }
        Number++;
        return true;
    }

    /// <summary>Of an offset index.</summary>
    public (long RelativeOffset, long Position) AsOffset() =>
        (BinaryPrimitives.ReadInt32BigEndian(Current), BinaryPrimitives.ReadInt32BigEndian(Current[4..]));

    /// <summary>Of a time index.</summary>
    public (long Timestamp, long RelativeOffset) AsTime() =>
        (BinaryPrimitives.ReadInt64BigEndian(Current), BinaryPrimitives.ReadInt32BigEndian(Current[8..]));

    /// <summary>Of a transaction index.</summary>
    public (short Version, long ProducerId, long FirstOffset, long LastOffset, long LastStableOffset) AsAborted() =>
        (
            BinaryPrimitives.ReadInt16BigEndian(Current),
            BinaryPrimitives.ReadInt64BigEndian(Current[2..]),
            BinaryPrimitives.ReadInt64BigEndian(Current[10..]),
            BinaryPrimitives.ReadInt64BigEndian(Current[18..]),
            BinaryPrimitives.ReadInt64BigEndian(Current[26..])
        );

    public void Dispose() => _disk.Close(_file);

    private ReadOnlySpan<byte> Slice(int number) =>
        _piece.AsSpan((int)(((long)number * _entryBytes) - _pieceStart), _entryBytes);

    private bool Load(long position)
    {
        if (position >= _pieceStart && position + _entryBytes <= _pieceStart + _pieceBytes)
        {
            return true;
        }
        long read = _disk.Read(_file, _piece, position);
        _pieceStart = position;
        _pieceBytes = (int)Math.Max(0, read);
        return _pieceBytes >= _entryBytes;
    }
}
