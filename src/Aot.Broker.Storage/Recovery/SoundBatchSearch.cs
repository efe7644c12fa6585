using Aot.Broker.Base;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>What sound batches there are behind a place where a log file is damaged.</summary>
internal struct SoundBatches
{
    public int Batches;
    public long Records;
    public long FirstOffset;
    public long LastOffset;

    public readonly bool HasAny => Batches > 0;

    public void Add(in BatchHeader header)
    {
        FirstOffset = Batches == 0 ? header.BaseOffset : FirstOffset;
        LastOffset = header.LastOffset;
        Records += header.RecordCount;
        Batches++;
    }

    public void Add(in SoundBatches later)
    {
        if (later.HasAny)
        {
            FirstOffset = HasAny ? FirstOffset : later.FirstOffset;
            LastOffset = later.LastOffset;
            Batches += later.Batches;
            Records += later.Records;
        }
    }
}

/// <summary>
/// Counts the batches behind a damaged place: it tells the torn end of a file, behind which there is nothing, from bytes
/// that went bad in the middle. Where one batch ends and no other begins, every byte is tried as the beginning of one
/// (format 2, offsets that may follow, a checksum that is right).
/// </summary>
internal static class SoundBatchSearch
{
    private const int PieceBytes = 1024 * 1024;

    public static SoundBatches Count(Disk disk, Fd file, long position, long end, long offsetMin)
    {
        SoundBatches found = default;
        while (TryFind(disk, file, ref position, end, offsetMin))
        {
            SegmentScanner batches = new(disk, file, position, end, wholeBatches: true);
            while (
                batches.MoveNext() && IsSound(batches.Batch(), batches.Header) && batches.Header.BaseOffset >= offsetMin
            )
            {
                found.Add(batches.Header);
                offsetMin = batches.Header.NextOffset;
                position = batches.NextPosition;
            }
        }
        return found;
    }

    public static bool IsSound(ReadOnlySpan<byte> batch, in BatchHeader header)
    {
        if (batch.Length < header.TotalBytes)
        {
            return false;
        }
        return header.Magic == 2
            ? RecordBatchView.TryRead(batch, out RecordBatchView view) && view.ComputeCrc() == view.Crc
            : LegacyMessageView.TryRead(batch, out LegacyMessageView message) && message.HasValidCrc;
    }

    /// <summary>Moves the position to the next sound batch.</summary>
    private static bool TryFind(Disk disk, Fd file, ref long position, long end, long offsetMin)
    {
        byte[] piece = new byte[PieceBytes];
        while (position + BatchHeader.Bytes <= end)
        {
            long read = disk.Read(file, piece.AsSpan(0, (int)Math.Min(piece.Length, end - position)), position);
            for (int at = 0; at + BatchHeader.Bytes <= read; at++)
            {
                if (
                    piece[at + 16] == 2
                    && BatchHeader.TryRead(piece.AsSpan(at, BatchHeader.Bytes), out BatchHeader header)
                    && header.BaseOffset >= offsetMin
                    && header.BaseOffset - offsetMin <= int.MaxValue
                    && position + at + header.TotalBytes <= end
                    && IsSoundAt(disk, file, position + at, header)
                )
                {
                    position += at;
                    return true;
                }
            }
            if (read < BatchHeader.Bytes)
            {
                return false;
            }
            position += read - BatchHeader.Bytes + 1;
        }
        return false;
    }

    private static bool IsSoundAt(Disk disk, Fd file, long position, in BatchHeader header)
    {
        byte[] batch = new byte[header.TotalBytes];
        return disk.Read(file, batch, position) == batch.Length && IsSound(batch, header);
    }
}
