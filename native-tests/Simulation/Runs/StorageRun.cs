using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Partition logs on two cores through several lives of the process: appends go on until it is killed, loses power or is
/// stopped cleanly; the next life recovers, and its logs are compared with what was acknowledged.
/// </summary>
internal sealed class StorageRun(World world, bool syncedBeforeAnswer, bool losesPower)
{
    private const int Partitions = 3;
    private const int Lives = 3;
    private const long LifeNanosMax = 150_000_000;

    private readonly KafkaUuid _topic = new(0x0102030405060708, 0x1112131415161718);
    private readonly LogConfig _config = new()
    {
        SegmentBytes = world.Random.Pick<int>([4_500, 9_000, 50_000]),
        IndexIntervalBytes = world.Random.Pick<int>([1, 300, 4096]),
        FlushMessages = syncedBeforeAnswer ? 1 : long.MaxValue,
        FileDeleteDelayMs = 10,
    };
    private readonly LogSetOptions _options = new()
    {
        HighWatermarkCheckpointMs = 20,
        RecoveryPointCheckpointMs = 50,
        IdleAfterMs = 40,
        OpenSegmentsMax = 3,
    };
    private SimulatedProcess? _process;
    private bool _isStopping;

    public required Ledger Ledger { get; init; }

    public void Run()
    {
        for (int life = 0; life < Lives; life++)
        {
            LiveOnce(life, isLast: false);
        }
        LiveOnce(Lives, isLast: true);
    }

    private void LiveOnce(int life, bool isLast)
    {
        SimulatedProcess process = _process = world.StartProcess(new ProcessOptions());
        _isStopping = false;
        ProcessEnd end = losesPower && world.Random.Percent(60) ? ProcessEnd.PowerLoss : ProcessEnd.Kill;
        bool isClean = isLast || world.Random.OneIn(4);
        if (!isClean && world.Random.OneIn(2))
        {
            process.EndInCall(world.Random.Below(world.Random.Pick<int>([20, 200, 2_000])), end);
        }
        Task stopped = world.Start(() => MainAsync(process, life, isLast));
        if (!isLast)
        {
            world.Schedule(world.Random.Between(1_000_000L, LifeNanosMax), "end of life", EndOfLife);
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

    private async Task MainAsync(SimulatedProcess process, int life, bool isLast)
    {
        LogDirectories directories = LogDirectories.Open(
            process.Disk,
            ["/data"],
            (_, _) => process.End(ProcessEnd.Kill)
        );
        List<Task> writers = [];
        foreach (Core core in process.Cores)
        {
            core.Set(new LogSet(core, directories, _options));
        }
        foreach (Core core in process.Cores)
        {
            List<Task> ofCore = await core.RunFromThreadAsync(c => OpenLogsAsync(c, life, isLast));
            writers.AddRange(ofCore);
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
    }

    private async ValueTask<List<Task>> OpenLogsAsync(Core core, int life, bool isLast)
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
            CheckRecovered(log!);
            log!.BecomeLeader(life);
            for (int i = world.Random.Between(1, 2); i > 0 && !isLast; i--)
            {
                writers.Add(WriteAsync(core, log, $"p{life}.{partition}.{i}"));
            }
        }
        return writers;
    }

    private async Task WriteAsync(Core core, PartitionLog log, string session)
    {
        while (!_isStopping)
        {
            string[] values = new string[world.Random.Between(1, 4)];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = Ledger.NewValue(log.Name.Partition, session);
            }
            AppendResult result = log.AppendCopy(
                BatchOf(values, core.WallMillis),
                AppendOrigin.Client,
                core.WallMillis
            );
            world.Check(result.IsOk, $"append: {result.Error} {result.Message}");
            ErrorCode error = await log.WhenCommittedAsync(result.LastOffset);
            world.Check(error == ErrorCode.None, $"commit: {error}");
            for (int i = 0; i < values.Length; i++)
            {
                Ledger.Acked(log.Name.Partition, values[i], result.BaseOffset + i);
            }
            CheckIndex(log, core);
            if (world.Random.OneIn(3))
            {
                await core.DelayAsync(world.Random.Between(1, 30));
            }
        }
    }

    private void CheckRecovered(PartitionLog log)
    {
        List<(long, string)> records = [];
        byte[] buffer = new byte[16 * 1024];
        long next = log.LogStartOffset;
        while (next < log.LogEndOffset)
        {
            int bytes = log.ReadForReplay(next, buffer);
            world.Check(bytes > 0, $"nothing is read at {next} of {log.Name}, which ends at {log.LogEndOffset}");
            next = Unpack(buffer.AsSpan(0, bytes), next, records);
        }
        Ledger.CheckLog(log.Name.Partition, records);
    }

    /// <summary>A read from anywhere finds the batch that has the offset.</summary>
    private void CheckIndex(PartitionLog log, Core core)
    {
        long offset = world.Random.Between(log.LogStartOffset, log.HighWatermark - 1);
        ErrorCode error = log.Read(offset, 1_000, ReadIsolation.HighWatermark, true, out LogSlice slice);
        world.Check(error == ErrorCode.None && slice.Length > 0, $"read at {offset} of {log.Name}: {error}");
        byte[] bytes = new byte[slice.Length];
        long read = core.Disk.Read(slice.File, bytes, slice.Position);
        slice.Lease.Release();
        bool isWhole = RecordBatchView.TryRead(bytes, out RecordBatchView batch);
        world.Check(
            read == bytes.Length && isWhole && batch.BaseOffset <= offset && batch.LastOffset >= offset,
            $"read at {offset} of {log.Name} found other records"
        );
    }

    internal static byte[] BatchOf(string[] values, long timestamp)
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions());
        foreach (string value in values)
        {
            builder.Append(timestamp, NullableBytes.Null, Encoding.ASCII.GetBytes(value));
        }
        return builder.ToArray();
    }

    /// <summary>Adds the records of whole batches; returns the offset after them.</summary>
    private long Unpack(ReadOnlySpan<byte> bytes, long next, List<(long, string)> records)
    {
        while (bytes.Length > 0)
        {
            bool isBatch = RecordBatchView.TryRead(bytes, out RecordBatchView batch);
            world.Check(isBatch && batch.IsWhole, $"no whole batch at {next}");
            world.Check(batch.Validate() == RecordBatchFault.None, $"batch at {next}: {batch.Validate()}");
            foreach (RecordView record in batch.Records())
            {
                records.Add((batch.BaseOffset + record.OffsetDelta, Encoding.ASCII.GetString(record.Value.Span)));
            }
            next = batch.NextOffset;
            bytes = bytes[batch.TotalSize..];
        }
        return next;
    }
}
