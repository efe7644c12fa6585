using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Inspection;

/// <summary>Where the batches of a file end before its last byte, and why.</summary>
/// <param name="IsReserved">All that follows is zeros: space that a broker reserved for what it has not written yet.</param>
public sealed record BatchBreak(long Position, long BytesLeft, string Cause, bool IsReserved);

/// <summary>
/// The batches of a log file in order, for a reader that does not own the file: a broker may be writing to it. Memory is
/// one piece of the file, or the largest batch. Nothing is locked, nothing is written.
/// </summary>
public sealed class BatchReader : IDisposable
{
    /// <summary>What a damaged length may make this reader reserve; no broker writes a batch of that size.</summary>
    private const int BatchBytesMax = Limits.DecompressedBytesMax;

    private readonly Disk _disk;
    private readonly Fd _file;
    private readonly bool _wholeBatches;
    private SegmentScanner _scanner;

    private BatchReader(Disk disk, Fd file, bool wholeBatches)
    {
        _disk = disk;
        _file = file;
        _wholeBatches = wholeBatches;
        Length = Math.Max(0, disk.Length(file));
        _scanner = new SegmentScanner(disk, file, 0, Length, wholeBatches);
    }

    /// <summary>Bytes of the file when it was last asked.</summary>
    public long Length { get; private set; }

    /// <summary>Where the current batch begins.</summary>
    public long Position => _scanner.Position;

    /// <summary>Set after the last batch when it is not the end of the file.</summary>
    public BatchBreak? Break { get; private set; }

    internal BatchHeader Header => _scanner.Header;

    public byte Magic => Header.Magic;

    public long LastOffset => Header.LastOffset;

    public long NextOffset => Header.NextOffset;

    /// <param name="disk">Where the file is.</param>
    /// <param name="path">The file.</param>
    /// <param name="wholeBatches">Records will be looked at; else only headers are read.</param>
    /// <param name="reader">Null with an error.</param>
    public static Errno TryOpen(Disk disk, string path, bool wholeBatches, out BatchReader? reader)
    {
        Errno error = disk.Open(path, DiskOpen.ReadOnly, out Fd file);
        reader = error == Errno.None ? new BatchReader(disk, file, wholeBatches) : null;
        return error;
    }

    public bool MoveNext()
    {
        if (Break is not null)
        {
            return false;
        }
        if (Advance() || (HasGrown() && Advance()))
        {
            return true;
        }
        Break = FindBreak();
        return false;
    }

    /// <summary>The current batch to its end; empty where the file could not be read. Valid until the next step.</summary>
    public ReadOnlySpan<byte> Bytes() => _scanner.Batch();

    public void Dispose() => _disk.Close(_file);

    private bool Advance() => _scanner.MoveNext() && Header.TotalBytes <= BatchBytesMax;

    /// <summary>A batch that was not whole may be one that a broker was just writing.</summary>
    private bool HasGrown()
    {
        long length = _disk.Length(_file);
        if (length <= Length || _scanner.Error < 0)
        {
            return false;
        }
        _scanner = new SegmentScanner(_disk, _file, Position, length, _wholeBatches);
        Length = length;
        return true;
    }

    private BatchBreak? FindBreak()
    {
        long left = Length - Position;
        if (left <= 0)
        {
            return null;
        }
        Span<byte> head = stackalloc byte[BatchHeader.Bytes];
        long read = _disk.Read(_file, head, Position);
        if (_scanner.Error < 0 || read < 0)
        {
            Errno error = (Errno)(-(_scanner.Error < 0 ? _scanner.Error : read));
            return new BatchBreak(Position, left, $"the file cannot be read further: {error}", false);
        }
        head = head[..(int)read];
        if (!head.ContainsAnyExcept((byte)0) && IsZeroToEnd())
        {
            return new BatchBreak(Position, left, "zeros to the end of the file: reserved space", true);
        }
        return new BatchBreak(Position, left, Describe(head, left), false);
    }

    private static string Describe(ReadOnlySpan<byte> head, long left)
    {
        if (head.Length < BatchHeader.MagicEnd)
        {
            return $"torn tail: {left} bytes are too few for a batch";
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(head[8..]);
        byte magic = head[16];
        if (magic > 2)
        {
            return $"no batch begins here: its magic would be {magic}";
        }
        long total = (long)length + BatchHeader.PrefixBytes;
        if (length >= 0 && total > left)
        {
            return $"torn tail: the batch has {total} bytes, the file only {left} more";
        }
        return total > BatchBytesMax
            ? $"no batch begins here: its length would be {length}, more than a batch has"
            : $"no batch begins here: length {length}, base offset {BinaryPrimitives.ReadInt64BigEndian(head)}";
    }

    private bool IsZeroToEnd()
    {
        byte[] piece = new byte[64 * 1024];
        for (long at = Position; at < Length; at += piece.Length)
        {
            long read = _disk.Read(_file, piece, at);
            if (read < 0 || piece.AsSpan(0, (int)read).ContainsAnyExcept((byte)0))
            {
                return false;
            }
        }
        return true;
    }
}
