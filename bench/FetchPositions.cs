using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Bench.Rig;
using Aot.Broker.Protocol;
using Aot.Broker.Storage;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// Where a fetch begins in a log of 64 MiB in batches of 1 KiB: for a consumer anywhere in it (index, a page of headers,
/// and the question whether the bytes are in the page cache), and for one that follows the end, which the tail map knows.
/// The answer is the number of fetches that found exactly their batch.
/// </summary>
public class FetchPositions
{
    private const int PerInvoke = 64;
    private const int TailBatches = 48;
    private const int FetchBytes = 1024 * 1024;

    private readonly long[] _anywhere = new long[PerInvoke];
    private readonly long[] _atTail = new long[PerInvoke];
    private SteppedCore _core = null!;
    private TemporaryLogs _logs = null!;
    private PartitionLog _log = null!;

    internal static int BatchCount => BenchSize.Of(64 * 1024, 2048);

    [GlobalSetup]
    public void SetUp()
    {
        _core = new SteppedCore();
        _logs = new TemporaryLogs(_core);
        _log = _logs.Open("fetched");
        byte[] batch = SampleBatches.OfOneRecord(960);
        for (int i = 0; i < BatchCount; i++)
        {
            // The last append wrote its offset into the batch.
            BinaryPrimitives.WriteInt64BigEndian(batch, 0);
            Invariant.That(_log.AppendCopy(batch, AppendOrigin.Client, _core.Core.WallMillis).IsOk);
            if (i % 64 == 63)
            {
                _core.Core.RunTurn();
            }
        }
        _core.Core.RunTurn();
        Random random = new(3);
        for (int i = 0; i < PerInvoke; i++)
        {
            _anywhere[i] = random.Next(BatchCount - 128);
            _atTail[i] = BatchCount - 1 - random.Next(TailBatches);
        }
    }

    [GlobalCleanup]
    public void TearDown()
    {
        _logs.Dispose();
        _core.Dispose();
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = PerInvoke), DataPlane]
    public long Anywhere() => Find(_anywhere);

    [Benchmark(OperationsPerInvoke = PerInvoke), DataPlane]
    public long AtTail() => Find(_atTail);

    private long Find(long[] offsets)
    {
        int found = 0;
        foreach (long offset in offsets)
        {
            ErrorCode error = _log.Read(offset, FetchBytes, ReadIsolation.HighWatermark, true, out LogSlice slice);
            found += error == ErrorCode.None && slice.FirstOffset == offset && slice.Length > 0 ? 1 : 0;
            slice.Lease.Release();
        }
        return found;
    }
}
