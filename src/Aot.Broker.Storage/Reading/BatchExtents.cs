using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Reading;

/// <summary>A whole batch in a slice: its offsets, its bytes in the file, and who wrote it (-1: nobody in particular).</summary>
public readonly record struct BatchExtent(
    long BaseOffset,
    long LastOffset,
    long Position,
    int Bytes,
    long ProducerId,
    bool IsTransactional,
    bool IsControl
);

/// <summary>Which batches a slice of a log has, from their headers.</summary>
public static class BatchExtents
{
    /// <summary>
    /// The whole batches in a slice that is leased and in memory, up to the first that ends at or after
    /// <paramref name="through"/>. KAFKA_STORAGE_ERROR: the disk refused.
    /// </summary>
    public static ErrorCode Read(
        PartitionLog log,
        Fd file,
        long position,
        int length,
        long through,
        List<BatchExtent> into
    )
    {
        int end = checked((int)(position + length));
        int at = (int)position;
        HeaderPages headers = new(log.Disk, file, stackalloc byte[HeaderPages.PageBytes], end);
        while (at + BatchHeader.Bytes <= end)
        {
            if (headers.Read(at, out BatchHeader header) is var error && error != Errno.None)
            {
                return LogReader.ReadFailedSlow(log, error);
            }
            if (at + header.TotalBytes > end)
            {
                break;
            }
            into.Add(
                new BatchExtent(
                    header.BaseOffset,
                    header.LastOffset,
                    at,
                    header.TotalBytes,
                    header.ProducerId,
                    header.IsTransactional,
                    header.IsControl
                )
            );
            at += header.TotalBytes;
            if (header.LastOffset >= through)
            {
                break;
            }
        }
        return ErrorCode.None;
    }
}
