using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Bench.Rig;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Appending;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// The append path from a pooled buffer to the page cache: checks, offsets in place, index, write, watermark and the
/// answer to the producer; against a write of the same bytes without any of it. One batch per turn of the core, and
/// sixteen that go out in one vectored write. The answer is the number of bytes that the file has more.
/// </summary>
[WarmupCount(1), IterationCount(12)]
public class LogAppends
{
    private const int BatchesFull = 512;
    private const int PerTurn = 16;
    private const long WarmBytes = 3 * 1024 * 1024;

    private readonly BufferHandle[] _buffers = new BufferHandle[PerTurn];
    private readonly IoPiece[] _pieces = new IoPiece[PerTurn];
    private readonly AppendCounter _answers = new();
    private SteppedCore _core = null!;
    private TemporaryLogs _logs = null!;
    private PartitionLog _log = null!;
    private FileStream _stream = null!;
    private Fd _file;
    private long _position;
    private int _batchBytes;

    [Params(1, 16, 64)]
    public int Kibibytes { get; set; }

    internal static int Batches => BenchSize.Of(BatchesFull, 64);

    internal long BatchBytes => _batchBytes;

    /// <summary>Answers that producers got with the last run.</summary>
    internal int Answers => _answers.Count;

    internal int Refused => _answers.Refused;

    private sealed class AppendCounter : IAppendTarget
    {
        public int Count { get; set; }

        public int Refused { get; private set; }

        public void OnAppended(long token, ErrorCode error)
        {
            Count++;
            Refused += error == ErrorCode.None ? 0 : 1;
        }
    }

    [GlobalSetup]
    public void SetUp()
    {
        _core = new SteppedCore();
        byte[] batch = SampleBatches.OfSize(Kibibytes * 1024);
        _batchBytes = batch.Length;
        for (int i = 0; i < PerTurn; i++)
        {
            Invariant.That(_core.Core.Buffers.TryRent(batch.Length, out _buffers[i]));
            batch.CopyTo(_core.Core.Buffers.Span(_buffers[i]));
            _pieces[i] = IoPiece.Of(_core.Core.Buffers, _buffers[i], 0, batch.Length);
        }
    }

    [GlobalCleanup]
    public void TearDown()
    {
        for (int i = 0; i < PerTurn; i++)
        {
            _core.Core.Buffers.Release(ref _buffers[i]);
        }
        _core.Dispose();
    }

    /// <summary>A new log and a new file, both past their first steps (reserved space, index tail, write-back thread).</summary>
    [IterationSetup]
    public void OpenFiles()
    {
        _logs = new TemporaryLogs(_core);
        _log = _logs.Open("appended");
        string raw = Path.Combine(_logs.DirectoryPath, "raw");
        Invariant.That(_core.Disk.Open(raw, DiskOpen.CreateNew, out _file) == Errno.None);
        _stream = new FileStream(raw + "-stream", FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _position = 0;
        for (long warmed = 0; warmed < WarmBytes; warmed += PerTurn * _batchBytes)
        {
            AppendTurn(PerTurn);
        }
        AppendTurn(1);
        PwriteOne();
        StreamOne();
    }

    [IterationCleanup]
    public void CloseFiles()
    {
        _stream.Dispose();
        _core.Disk.Close(_file);
        _logs.Dispose();
    }

    [BenchmarkCategory("one per turn"), Benchmark(Baseline = true, OperationsPerInvoke = BatchesFull), DataPlane]
    public long PwriteOne()
    {
        long before = _position;
        for (int i = 0; i < Batches; i++)
        {
            Span<byte> bytes = _core.Core.Buffers.Span(_buffers[i % PerTurn])[.._batchBytes];
            _position += _core.Disk.Write(_file, bytes, _position);
        }
        return _position - before;
    }

    [BenchmarkCategory("one per turn"), Benchmark(OperationsPerInvoke = BatchesFull)]
    public long StreamOne()
    {
        long before = _stream.Position;
        for (int i = 0; i < Batches; i++)
        {
            _stream.Write(_core.Core.Buffers.Span(_buffers[i % PerTurn])[.._batchBytes]);
        }
        return _stream.Position - before;
    }

    [BenchmarkCategory("one per turn"), Benchmark(OperationsPerInvoke = BatchesFull), DataPlane]
    public long BrokerOne() => Append(perTurn: 1);

    [BenchmarkCategory("16 per turn"), Benchmark(Baseline = true, OperationsPerInvoke = BatchesFull), DataPlane]
    public long PwritevMany()
    {
        long before = _position;
        for (int i = 0; i < Batches; i += PerTurn)
        {
            _position += _core.Disk.Write(_file, _pieces, _position);
        }
        return _position - before;
    }

    [BenchmarkCategory("16 per turn"), Benchmark(OperationsPerInvoke = BatchesFull), DataPlane]
    public long BrokerMany() => Append(PerTurn);

    private long Append(int perTurn)
    {
        _answers.Count = 0;
        long before = _log.SizeInBytes;
        for (int i = 0; i < Batches; i += perTurn)
        {
            AppendTurn(perTurn);
        }
        return _log.SizeInBytes - before;
    }

    private void AppendTurn(int count)
    {
        BufferPool pool = _core.Core.Buffers;
        for (int i = 0; i < count; i++)
        {
            BufferHandle buffer = _buffers[i];
            // A produced batch begins at 0; the last append wrote its offset there, which the checksum does not cover.
            BinaryPrimitives.WriteInt64BigEndian(pool.Span(buffer), 0);
            BatchSource source = new(pool.Address(buffer), _batchBytes, buffer);
            AppendResult result = _log.Append(source, AppendOrigin.Client, _core.Core.WallMillis);
            Invariant.That(result.IsOk);
            _log.WhenCommitted(result.LastOffset, _answers, i);
        }
        _core.Core.RunTurn();
    }
}
