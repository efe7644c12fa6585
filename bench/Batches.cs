using Aot.Broker.Bench.Rig;
using Aot.Broker.Bench.Rivals;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Records;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// A produced batch: header and checksum alone (Check), with the full validation of each record (Validate), with a walk
/// that also looks at each value (CheckAndWalk), and read into objects. All answer with the number of records.
/// </summary>
public class Batches
{
    private byte[] _batch = [];
    private ScratchBuffer _scratch = null!;

    [Params(1, 16, 64)]
    public int Kibibytes { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _batch = SampleBatches.OfSize(Kibibytes * 1024);
        _scratch = new ScratchBuffer();
    }

    [GlobalCleanup]
    public void TearDown() => _scratch.Dispose();

    [Benchmark(Baseline = true)]
    public long Objects() => ObjectRecords.Read(_batch)?.Count ?? -1;

    [Benchmark, DataPlane]
    public long CheckAndWalk()
    {
        if (ProduceRecords.Check(_batch, 12, int.MaxValue, out RecordBatchView view) != RecordBatchFault.None)
        {
            return -1;
        }
        int count = 0;
        RecordEnumerator records = view.Records();
        while (records.MoveNext())
        {
            count += records.Current.Value.Length == SampleBatches.ValueBytes ? 1 : 0;
        }
        return records.Fault == RecordBatchFault.None ? count : -1;
    }

    [Benchmark, DataPlane]
    public long Validate()
    {
        if (ProduceRecords.Check(_batch, 12, int.MaxValue, out RecordBatchView view) != RecordBatchFault.None)
        {
            return -1;
        }
        RecordValidationOptions options = new() { NowMs = SampleBatches.TimestampMs };
        RecordValidationResult result = RecordBatchValidator.Validate(view, options, _scratch);
        return result.Fault == RecordBatchFault.None ? view.RecordsCount : -1;
    }

    [Benchmark, DataPlane]
    public long Check() =>
        ProduceRecords.Check(_batch, 12, int.MaxValue, out RecordBatchView view) == RecordBatchFault.None
            ? view.RecordsCount
            : -1;
}
