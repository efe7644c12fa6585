using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Compaction;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Compacted logs through several lives of the process, whose ends come at any call to the disk: the newest acknowledged
/// record of each key is there afterwards, or a newer one; every record is at its own offset, once.
/// </summary>
internal sealed class CompactionRun(World world)
{
    private const int Partitions = 3;
    private const int Keys = 12;
    private const int Lives = 5;
    private const long LifeNanosMax = 400_000_000;

    private readonly KafkaUuid _topic = new(0x0102030405060708, 0x1112131415161718);
    private readonly Dictionary<(int Partition, string Value), long> _acked = [];
    private readonly LogConfig _config = new()
    {
        CleanupPolicy = CleanupPolicies.Compact,
        SegmentBytes = world.Random.Pick<int>([1_000, 2_000, 5_000]),
        IndexIntervalBytes = world.Random.Pick<int>([1, 300, 4096]),
        MinCleanableDirtyRatio = 0.01,
        FlushMessages = 1,
        FileDeleteDelayMs = 10,
    };
    private readonly LogSetOptions _options = new()
    {
        HighWatermarkCheckpointMs = 20,
        RecoveryPointCheckpointMs = 50,
        IdleAfterMs = 40,
        OpenSegmentsMax = 3,
    };
    private bool _isStopping;
    private int _number;

    public long Passes { get; private set; }

    public void Run()
    {
        for (int life = 0; life <= Lives; life++)
        {
            LiveOnce(life, isLast: life == Lives);
        }
    }

    private void LiveOnce(int life, bool isLast)
    {
        SimulatedProcess process = world.StartProcess(new ProcessOptions());
        _isStopping = isLast;
        ProcessEnd end = world.Random.Percent(60) ? ProcessEnd.PowerLoss : ProcessEnd.Kill;
        bool isClean = isLast || world.Random.OneIn(5);
        if (!isClean)
        {
            process.EndInCall(world.Random.Below(world.Random.Pick<int>([100, 1_000, 4_000])), end);
        }
        Task stopped = world.Start(() => MainAsync(process, life));
        if (!isLast)
        {
            world.Schedule(world.Random.Between(50_000_000L, LifeNanosMax), "end of life", EndOfLife);
        }
        world.RunUntil(() => process.HasEnded || stopped.IsCompleted, LifeNanosMax * 100, $"life {life}");
        process.End(end);

        void EndOfLife()
        {
            if (isClean)
            {
                _isStopping = true;
            }
            else
            {
                process.End(end);
            }
        }
    }

    private async Task MainAsync(SimulatedProcess process, int life)
    {
        LogDirectories directories = LogDirectories.Open(
            process.Disk,
            ["/data"],
            (_, _) => process.End(ProcessEnd.Kill)
        );
        directories.Cleaners.Configure(new CleanerOptions { BackoffMs = 5, IoBufferBytes = 4096 });
        List<Task> writers = [];
        foreach (Core core in process.Cores)
        {
            core.Set(new LogSet(core, directories, _options));
        }
        foreach (Core core in process.Cores)
        {
            writers.AddRange(await core.RunFromThreadAsync(c => OpenLogsAsync(c, life)));
        }
        foreach (Task writer in writers)
        {
            await writer;
        }
        foreach (Core core in process.Cores)
        {
            await core.RunFromThreadAsync(c => c.Get<LogSet>().CloseAsync(clean: true));
        }
        directories.SaveCleanShutdown(life);
        Passes += directories.Cleaners.Statistics.Passes;
    }

    private async ValueTask<List<Task>> OpenLogsAsync(Core core, int life)
    {
        List<Task> writers = [];
        for (int partition = 0; partition < Partitions; partition++)
        {
            if (PartitionPlacement.CoreOf(_topic, partition, core.CoreCount) != core.Index)
            {
                continue;
            }
            (ErrorCode error, PartitionLog? log) = await core.Get<LogSet>()
                .OpenAsync(new TopicPartition("t", partition), _topic, _config, "/data");
            world.Check(log is not null, $"partition {partition} cannot be opened: {error}");
            Check(log!);
            log!.BecomeLeader(life);
            writers.Add(WriteAsync(core, log));
        }
        return writers;
    }

    private async Task WriteAsync(Core core, PartitionLog log)
    {
        while (!_isStopping)
        {
            string value = $"k{world.Random.Below(Keys)}-{_number++}-{new string('x', world.Random.Below(60))}";
            RecordBatchBuilder builder = new(new RecordBatchOptions());
            builder.Append(core.WallMillis, KeyOf(value), Encoding.ASCII.GetBytes(value));
            AppendResult result = log.AppendCopy(builder.ToArray(), AppendOrigin.Client, core.WallMillis);
            world.Check(result.IsOk, $"append: {result.Error} {result.Message}");
            ErrorCode error = await log.WhenCommittedAsync(result.LastOffset);
            world.Check(error == ErrorCode.None, $"commit: {error}");
            _acked[(log.Name.Partition, value)] = result.BaseOffset;
            if (world.Random.OneIn(20))
            {
                Check(log);
            }
            if (world.Random.OneIn(4))
            {
                await core.DelayAsync(world.Random.Between(1, 5));
            }
        }
    }

    private void Check(PartitionLog log)
    {
        Dictionary<string, long> newest = [];
        byte[] buffer = new byte[16 * 1024];
        long next = log.LogStartOffset;
        while (next < log.LogEndOffset)
        {
            int bytes = log.ReadForReplay(next, buffer);
            world.Check(bytes > 0, $"nothing is read at {next} of {log.Name}, which ends at {log.LogEndOffset}");
            BatchScanner batches = new(buffer.AsSpan(0, bytes));
            while (batches.MoveNext())
            {
                world.Check(
                    batches.Batch.BaseOffset >= next,
                    $"{batches.Batch.BaseOffset} of {log.Name} is there twice"
                );
                world.Check(batches.Batch.Validate() == RecordBatchFault.None, $"batch at {next} of {log.Name}");
                foreach (RecordView record in batches.Batch.Records())
                {
                    string value = Encoding.ASCII.GetString(record.Value.Span);
                    long offset = batches.Batch.BaseOffset + record.OffsetDelta;
                    bool wasAcked = _acked.TryGetValue((log.Name.Partition, value), out long at);
                    world.Check(!wasAcked || at == offset, $"{value} of {log.Name} was at {at} and is at {offset}");
                    newest[Encoding.ASCII.GetString(record.Key.Span)] = offset;
                }
                next = batches.Batch.NextOffset;
            }
        }
        foreach (((int partition, string value), long offset) in _acked)
        {
            world.Check(
                partition != log.Name.Partition
                    || newest.GetValueOrDefault(Encoding.ASCII.GetString(KeyOf(value)), -1) >= offset,
                $"{value.TrimEnd('x')} of {log.Name} at {offset} is lost, and nothing newer of its key is there"
            );
        }
    }

    private static byte[] KeyOf(string value) => Encoding.ASCII.GetBytes(value[..value.IndexOf('-')]);
}
