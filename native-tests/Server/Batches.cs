using System.Text;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Server.Tests;

/// <summary>Record batches as a producer makes them, and what a consumer finds in the bytes of a fetch.</summary>
internal static class Batches
{
    public static byte[] Of(params string[] values) => Of(values, producerId: -1, epoch: -1, sequence: -1);

    public static byte[] Of(string[] values, long producerId, short epoch, int sequence) =>
        Of(values, producerId, epoch, sequence, isTransactional: false);

    public static byte[] Transactional(string[] values, long producerId, short epoch, int sequence) =>
        Of(values, producerId, epoch, sequence, isTransactional: true);

    private static byte[] Of(string[] values, long producerId, short epoch, int sequence, bool isTransactional)
    {
        RecordBatchBuilder builder = new(
            new RecordBatchOptions
            {
                ProducerId = producerId,
                ProducerEpoch = epoch,
                BaseSequence = sequence,
                IsTransactional = isTransactional,
            }
        );
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        foreach (string value in values)
        {
            builder.Append(now, NullableBytes.Null, Encoding.UTF8.GetBytes(value));
        }
        return builder.ToArray();
    }

    /// <summary>Offsets and values, from whole batches; a cut batch at the end is dropped, as consumers do.</summary>
    public static List<(long Offset, string Value)> Read(byte[]? bytes)
    {
        List<(long, string)> found = [];
        BatchScanner scanner = new(bytes);
        while (scanner.MoveNext())
        {
            RecordBatchView view = scanner.Batch;
            RecordEnumerator records = view.Records();
            while (records.MoveNext())
            {
                found.Add(
                    (view.BaseOffset + records.Current.OffsetDelta, Encoding.UTF8.GetString(records.Current.Value.Span))
                );
            }
        }
        return found;
    }

    /// <summary>The values that a consumer hands out, given the aborted transactions that the broker told it about.</summary>
    public static List<string> ReadCommitted(byte[]? bytes, IReadOnlyList<FetchResponse.AbortedTransaction> aborted)
    {
        List<string> found = [];
        BatchScanner scanner = new(bytes);
        List<FetchResponse.AbortedTransaction> left = [.. aborted];
        while (scanner.MoveNext())
        {
            RecordBatchView view = scanner.Batch;
            (long producerId, long offset) = (view.ProducerId, view.BaseOffset);
            int at = left.FindIndex(a => a.ProducerId == producerId && a.FirstOffset <= offset);
            if (view.IsControl)
            {
                // The end of the transaction that was aborted; the producer's next one counts again.
                if (at >= 0)
                {
                    left.RemoveAt(at);
                }
                continue;
            }
            if (at < 0 || !view.IsTransactional)
            {
                found.AddRange(ValuesOf(view));
            }
        }
        return found;
    }

    private static List<string> ValuesOf(RecordBatchView view)
    {
        List<string> values = [];
        RecordEnumerator records = view.Records();
        while (records.MoveNext())
        {
            values.Add(Encoding.UTF8.GetString(records.Current.Value.Span));
        }
        return values;
    }
}
