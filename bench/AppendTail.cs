using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Aot.Broker.Base;
using Aot.Broker.Bench.Rig;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Bench;

/// <summary>
/// The slowest appends of a log that is written for long: 64 KiB batches on one core until so many gigabytes are on the
/// disk, with write-back left to the kernel and with the log's own. Not a benchmark that is repeated: one run fills the
/// page cache and takes as long as the disk does.
/// </summary>
internal static class AppendTail
{
    private const long Gigabyte = 1_000_000_000;
    private const string Usage = "append-tail GIGABYTES [MEGABYTES_PER_SECOND]";

    public static int Run(ReadOnlySpan<string> arguments)
    {
        double rate = 0;
        if (
            arguments.Length is not (1 or 2)
            || !double.TryParse(arguments[0], CultureInfo.InvariantCulture, out double gigabytes)
            || (arguments.Length == 2 && !double.TryParse(arguments[1], CultureInfo.InvariantCulture, out rate))
        )
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        LogSetOptions kernels = new() { WritebackBytes = int.MaxValue, ReservedBytes = 0 };
        Measure("kernel's write-back", kernels, (long)(gigabytes * Gigabyte), rate);
        Measure("the log's own", new LogSetOptions(), (long)(gigabytes * Gigabyte), rate);
        return 0;
    }

    private static void Measure(string name, LogSetOptions options, long bytes, double megabytesPerSecond)
    {
        string directory = Path.Combine(Path.GetTempPath(), $"append-tail-{Environment.ProcessId}");
        try
        {
            using LogDirectories directories = LogDirectories.Open(new LinuxDisk(), [directory]);
            using CoreGroup group = CoreGroup.Create(new CoreGroupOptions { Cores = 1 });
            group.Start();
            Core core = group.Cores[0];
            AppendLoad load = core.RunFromThreadAsync(each =>
                    OpenAsync(each, directories, options, bytes, megabytesPerSecond)
                )
                .GetAwaiter()
                .GetResult();
            long start = Stopwatch.GetTimestamp();
            load.Done.GetAwaiter().GetResult();
            TimeSpan taken = Stopwatch.GetElapsedTime(start);
            Report(name, load, taken);
            core.RunFromThreadAsync(each => each.Get<LogSet>().CloseAsync(clean: false)).GetAwaiter().GetResult();
            group.StopAsync().GetAwaiter().GetResult();
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async ValueTask<AppendLoad> OpenAsync(
        Core core,
        LogDirectories directories,
        LogSetOptions options,
        long bytes,
        double megabytesPerSecond
    )
    {
        LogSet set = new(core, directories, options);
        core.Set(set);
        (ErrorCode error, PartitionLog? log) = await set.OpenAsync(
            new TopicPartition("tail", 0),
            new KafkaUuid(1, 2),
            new LogConfig()
        );
        Invariant.That(error == ErrorCode.None);
        log!.BecomeLeader(0);
        AppendLoad load = new(core, log, bytes, megabytesPerSecond);
        load.Begin();
        return load;
    }

    private static void Report(string name, AppendLoad load, TimeSpan taken)
    {
        int[] sorted = [.. load.Latencies];
        Array.Sort(sorted);
        string loadAverage = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{name, -20} {load.Bytes / 1e9:F1} GB in {taken.TotalSeconds:F0} s, {load.Bytes / 1e6 / taken.TotalSeconds:F0} MB/s; append p50 {At(0.5)} p99 {At(0.99)} p99.9 {At(0.999)} p99.99 {At(0.9999)} max {At(1)} ms; the core stood still for {load.LongestGapMillis:F0} ms at most, {load.GapsOver10Millis} times over 10 ms; load average {loadAverage}"
            )
        );

        string At(double part) =>
            (sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * part))] / 1000.0).ToString(
                "F1",
                CultureInfo.InvariantCulture
            );
    }

    /// <summary>On the core: keeps so many batches under way, or begins each at its time, and notes how long each took.</summary>
    private sealed class AppendLoad(Core core, PartitionLog log, long bytes, double megabytesPerSecond)
        : IAppendTarget,
            ITimerTarget
    {
        private const int UnderWay = 32;
        private const int BatchBytes = 64 * 1024;

        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly BufferHandle[] _buffers = new BufferHandle[UnderWay];
        private readonly long[] _due = new long[UnderWay];
        private readonly Stack<int> _free = new();
        private readonly int _count = (int)(bytes / BatchBytes);
        private int _batchBytes;
        private int _sent;
        private long _begin;
        private long _lastTick;

        public List<int> Latencies { get; } = new((int)(bytes / BatchBytes));

        public double LongestGapMillis { get; private set; }

        public int GapsOver10Millis { get; private set; }

        public long Bytes => (long)_batchBytes * Latencies.Count;

        public Task Done => _done.Task;

        public void Begin()
        {
            byte[] batch = SampleBatches.OfSize(BatchBytes);
            _batchBytes = batch.Length;
            for (int i = 0; i < UnderWay; i++)
            {
                Invariant.That(core.Buffers.TryRent(batch.Length, out _buffers[i]));
                batch.CopyTo(core.Buffers.Span(_buffers[i]));
                _free.Push(i);
            }
            _begin = _lastTick = Stopwatch.GetTimestamp();
            OnTimer(0);
        }

        /// <summary>Every millisecond: how late it is says how long the core stood still.</summary>
        public void OnTimer(long token)
        {
            double gap = Stopwatch.GetElapsedTime(_lastTick).TotalMilliseconds;
            _lastTick = Stopwatch.GetTimestamp();
            LongestGapMillis = Math.Max(LongestGapMillis, gap);
            GapsOver10Millis += gap > 10 ? 1 : 0;
            Send();
            if (Latencies.Count < _count)
            {
                core.Timers.Schedule(core.NowMillis + 1, this, 0);
            }
        }

        public void OnAppended(long token, ErrorCode error)
        {
            Invariant.That(error == ErrorCode.None);
            Latencies.Add((int)Stopwatch.GetElapsedTime(_due[token]).TotalMicroseconds);
            _free.Push((int)token);
            if (Latencies.Count == _count)
            {
                for (int i = 0; i < UnderWay; i++)
                {
                    core.Buffers.Release(ref _buffers[i]);
                }
                _done.SetResult();
                return;
            }
            Send();
        }

        private void Send()
        {
            while (_sent < _count && _free.Count > 0)
            {
                long now = Stopwatch.GetTimestamp();
                long due = megabytesPerSecond > 0 ? DueOf(_sent) : now;
                if (due > now)
                {
                    return;
                }
                int slot = _free.Pop();
                _due[slot] = due;
                _sent++;
                BinaryPrimitives.WriteInt64BigEndian(core.Buffers.Span(_buffers[slot]), 0);
                BatchSource source = new(core.Buffers.Address(_buffers[slot]), _batchBytes, _buffers[slot]);
                AppendResult result = log.Append(source, AppendOrigin.Client, core.WallMillis);
                Invariant.That(result.IsOk);
                log.WhenCommitted(result.LastOffset, this, slot);
            }
        }

        /// <summary>By the plan, so that one slow append counts for all that had to wait behind it.</summary>
        private long DueOf(int batch) =>
            _begin + (long)(batch * (_batchBytes / 1e6 / megabytesPerSecond) * Stopwatch.Frequency);
    }
}
