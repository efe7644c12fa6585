using Aot.Broker.Base;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Segments;

/// <summary>
/// Walks the batches of a segment file in order: recovery, replay of producers, lookup by time. Reads ahead in large
/// pieces when it needs the records, and only headers when not.
/// </summary>
internal sealed class SegmentScanner
{
    private const int PieceBytes = 256 * 1024;
    private const int HeaderPieceBytes = 4096;

    private readonly Disk _disk;
    private readonly Fd _file;
    private readonly long _end;
    private readonly bool _wholeBatches;
    private byte[] _buffer;
    private long _bufferPosition;
    private int _bufferBytes;

    /// <param name="disk">Where the file is.</param>
    /// <param name="file">Stays the caller's.</param>
    /// <param name="start">A batch boundary.</param>
    /// <param name="end">Where to stop.</param>
    /// <param name="wholeBatches">The records will be looked at.</param>
    public SegmentScanner(Disk disk, Fd file, long start, long end, bool wholeBatches)
    {
        _disk = disk;
        _file = file;
        _end = end;
        _wholeBatches = wholeBatches;
        _buffer = new byte[wholeBatches ? PieceBytes : HeaderPieceBytes];
        Position = start;
        NextPosition = start;
    }

    /// <summary>Of the batch that <see cref="MoveNext"/> found; at the end, of the first byte that is no batch.</summary>
    public long Position { get; private set; }

    public long NextPosition { get; private set; }

    public BatchHeader Header { get; private set; }

    /// <summary>A read failed (negative errno), as opposed to bytes that are no batch.</summary>
    public long Error { get; private set; }

    /// <summary>Steps to the next batch. False at the end, at bytes that are no whole batch, or after an error.</summary>
    public bool MoveNext()
    {
        Position = NextPosition;
        if (Position >= _end || !Load(BatchHeader.Bytes, out ReadOnlySpan<byte> bytes))
        {
            return false;
        }
        if (!BatchHeader.TryRead(bytes, out BatchHeader header) || Position + header.TotalBytes > _end)
        {
            return false;
        }
        Header = header;
        NextPosition = Position + header.TotalBytes;
        return true;
    }

    /// <summary>The whole current batch; empty when it cannot be read. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Batch() =>
        Load(Header.TotalBytes, out ReadOnlySpan<byte> bytes) && bytes.Length >= Header.TotalBytes
            ? bytes[..Header.TotalBytes]
            : default;

    /// <summary>At least so many bytes from <see cref="Position"/>, or as many as there are.</summary>
    private bool Load(int bytes, out ReadOnlySpan<byte> loaded)
    {
        long skip = Position - _bufferPosition;
        int wanted = (int)Math.Min(bytes, _end - Position);
        if (skip < 0 || skip + wanted > _bufferBytes)
        {
            if (_buffer.Length < wanted)
            {
                _buffer = new byte[Math.Max(wanted, _buffer.Length * 2)];
            }
            int piece = (int)Math.Min(Math.Max(wanted, PieceOf(wanted)), _end - Position);
            long read = _disk.Read(_file, _buffer.AsSpan(0, piece), Position);
            if (read < 0)
            {
                Error = read;
                loaded = default;
                return false;
            }
            _bufferPosition = Position;
            _bufferBytes = (int)read;
            skip = 0;
        }
        loaded = _buffer.AsSpan((int)skip, _bufferBytes - (int)skip);
        return loaded.Length >= wanted;
    }

    /// <summary>Among large batches a header is read alone; among small ones a page serves many.</summary>
    private int PieceOf(int wanted) =>
        _wholeBatches ? _buffer.Length
        : Header.TotalBytes > HeaderPieceBytes / 2 ? wanted
        : HeaderPieceBytes;
}
