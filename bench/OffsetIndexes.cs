using Aot.Broker.Base;
using Aot.Broker.Bench.Rivals;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Indexes;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// A place in an offset index of a full segment (262144 entries, a gigabyte of log) whose pages are in the page cache: the
/// broker's reads of the file against the same file mapped into memory. The answer is the sum of the positions.
/// </summary>
public class OffsetIndexes
{
    private const int PerInvoke = 256;
    private const int RecordsPerEntry = 37;
    private const int BytesPerEntry = 4096;

    private readonly LinuxDisk _disk = new();
    private readonly OffsetIndex _index = new(0);
    private readonly long[] _offsets = new long[PerInvoke];
    private string _directory = "";
    private MappedIndex _mapped = null!;
    private Fd _file;

    internal static int Entries => BenchSize.Of(1 << 18, 4096);

    [GlobalSetup]
    public void SetUp()
    {
        _directory = Directory.CreateTempSubdirectory("aot-broker-bench-").FullName;
        string path = Path.Combine(_directory, "00000000000000000000.index");
        Invariant.That(_disk.Open(path, DiskOpen.CreateNew, out _file) == Errno.None);
        for (int i = 0; i < Entries; i++)
        {
            if (!_index.TryAppend((i + 1) * RecordsPerEntry, i * BytesPerEntry))
            {
                WriteTail();
                Invariant.That(_index.TryAppend((i + 1) * RecordsPerEntry, i * BytesPerEntry));
            }
        }
        WriteTail();
        _mapped = new MappedIndex(path);
        Random random = new(2);
        for (int i = 0; i < _offsets.Length; i++)
        {
            _offsets[i] = random.NextInt64((long)Entries * RecordsPerEntry);
        }
    }

    [GlobalCleanup]
    public void TearDown()
    {
        _mapped.Dispose();
        _disk.Close(_file);
        Directory.Delete(_directory, recursive: true);
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = PerInvoke)]
    public long Mapped()
    {
        long sum = 0;
        foreach (long offset in _offsets)
        {
            sum += _mapped.Lookup(offset);
        }
        return sum;
    }

    [Benchmark(OperationsPerInvoke = PerInvoke), DataPlane]
    public long Broker()
    {
        long sum = 0;
        foreach (long offset in _offsets)
        {
            sum += _index.Lookup(offset, _disk, _file);
        }
        return sum;
    }

    private void WriteTail()
    {
        IndexFile file = _index.File;
        Invariant.That(_disk.Write(_file, file.Tail, file.TailPosition) == file.Tail.Length);
        file.TailWritten();
    }
}
