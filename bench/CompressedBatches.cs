using Aot.Broker.Bench.Rig;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// What a codec costs a produce: the checks of a batch whose records were 16 KiB before compression, each record looked
/// at, and the same batch without compression. The answer is the number of records.
/// </summary>
public class CompressedBatches
{
    private const int PlainBytes = 16 * 1024;

    private byte[] _plain = [];
    private byte[] _compressed = [];
    private ScratchBuffer _scratch = null!;

    [Params(CompressionCodec.Lz4, CompressionCodec.Snappy, CompressionCodec.Zstd, CompressionCodec.Gzip)]
    public CompressionCodec Codec { get; set; }

    internal int CompressedBytes => _compressed.Length;

    [GlobalSetup]
    public void SetUp()
    {
        _plain = SampleBatches.OfSize(PlainBytes);
        _compressed = SampleBatches.OfSize(PlainBytes, Codec);
        _scratch = new ScratchBuffer();
    }

    [GlobalCleanup]
    public void TearDown() => _scratch.Dispose();

    [Benchmark(Baseline = true), DataPlane]
    public long Plain() => Validate(_plain);

    [Benchmark, DataPlane]
    public long Compressed() => Validate(_compressed);

    private long Validate(byte[] batch)
    {
        if (ProduceRecords.Check(batch, 12, int.MaxValue, out RecordBatchView view) != RecordBatchFault.None)
        {
            return -1;
        }
        RecordValidationOptions options = new() { NowMs = SampleBatches.TimestampMs };
        RecordValidationResult result = RecordBatchValidator.Validate(view, options, _scratch);
        return result.Fault == RecordBatchFault.None ? view.RecordsCount : -1;
    }
}
