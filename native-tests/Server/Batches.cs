using System.Text;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Server.Tests;

/// <summary>Record batches as a producer makes them, and what a consumer finds in the bytes of a fetch.</summary>
internal static class Batches
{
    public static byte[] Of(params string[] values) => Of(values, producerId: -1, epoch: -1, sequence: -1);

    public static byte[] Of(string[] values, long producerId, short epoch, int sequence)
    {
        RecordBatchBuilder builder = new(
            new RecordBatchOptions
            {
                ProducerId = producerId,
                ProducerEpoch = epoch,
                BaseSequence = sequence,
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
}
