using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Perf.Client;
using Aot.Perf.Measure;

namespace Aot.Perf.Loads;

/// <summary>The loads: each makes its topic, runs for its time on one thread, and takes the topic away.</summary>
internal static class Load
{
    private const int PortsPerAddress = 20_000;
    private const int FillingProducers = 1 << 14;

    public static RunResult Produce(LoadPlan plan) =>
        WithTopic(
            plan,
            () =>
            {
                using EventLoop loop = new() { Spins = plan.Spins };
                Meter meter = new(plan.Meter);
                Producers producers = new(loop, plan, meter);
                Run(loop, meter, producers);
                producers.Drain(loop);
                RunResult result = meter.Finish("produce");
                if (plan.TransactionBatches > 0)
                {
                    result.Extra["transactions"] = producers.Transactions;
                }
                return result;
            }
        );

    /// <summary>Reads what the topic holds, again and again; a topic made here is filled first.</summary>
    public static RunResult Consume(LoadPlan plan, long recordsFirst) =>
        WithTopic(
            plan,
            () =>
            {
                if (!plan.TopicExists)
                {
                    Fill(plan, recordsFirst);
                }
                using EventLoop loop = new() { Spins = plan.Spins };
                Meter meter = new(plan.Meter);
                List<FetchLane> lanes = Replay(loop, plan, meter, recordsFirst);
                Run(loop, meter, producers: null, () => lanes.ForEach(lane => lane.Fetch()));
                return meter.Finish("consume");
            }
        );

    /// <summary>Records from producers to consumers that wait for them; each record's latency from its due time.</summary>
    public static RunResult EndToEnd(LoadPlan plan) =>
        WithTopic(
            plan,
            () =>
            {
                using EventLoop loop = new() { Spins = plan.Spins };
                Meter records = new(plan.Meter);
                Meter acknowledgements = new(plan.Meter with { IsQuiet = true, BrokerPid = 0 });
                Producers producers = new(loop, plan, acknowledgements);
                List<FetchLane> lanes = Tail(loop, plan, records);
                acknowledgements.Start();
                Run(
                    loop,
                    records,
                    producers,
                    () => lanes.ForEach(lane => lane.Fetch()),
                    now => acknowledgements.Tick(now)
                );
                RunResult result = records.Finish("end-to-end");
                AddLatencies(result, "acknowledged", acknowledgements.Latencies);
                return result;
            }
        );

    /// <summary>Producers at their rate beside consumers that replay what the topic held before.</summary>
    public static RunResult Mixed(LoadPlan plan, long recordsFirst) =>
        WithTopic(
            plan,
            () =>
            {
                if (!plan.TopicExists)
                {
                    Fill(plan, recordsFirst);
                }
                using EventLoop loop = new() { Spins = plan.Spins };
                Meter meter = new(plan.Meter);
                Meter reads = new(plan.Meter with { IsQuiet = true, BrokerPid = 0 });
                Producers producers = new(loop, plan, meter);
                List<FetchLane> lanes = Replay(loop, plan, reads, recordsFirst);
                reads.Start();
                Run(loop, meter, producers, () => lanes.ForEach(lane => lane.Fetch()), now => reads.Tick(now));
                producers.Drain(loop);
                RunResult result = meter.Finish("mixed");
                RunResult read = reads.Finish("reads");
                result.Extra["readMegabytesPerSecond"] = read.Bytes / 1e6 / read.Seconds;
                return result;
            }
        );

    /// <summary>Producers beside connections that say who they are and then nothing.</summary>
    public static RunResult Connections(LoadPlan plan) =>
        WithTopic(
            plan,
            () =>
            {
                using EventLoop loop = new() { Spins = plan.Spins };
                using EventLoop quiet = new();
                long? before = ProcessUsage.Of(plan.Meter.BrokerPid)?.ResidentBytes;
                IdleConnections idle = new(quiet, plan);
                long? after = ProcessUsage.Of(plan.Meter.BrokerPid)?.ResidentBytes;
                Meter meter = new(plan.Meter);
                Producers producers = new(loop, plan, meter);
                Run(loop, meter, producers);
                producers.Drain(loop);
                RunResult result = meter.Finish("connections");
                result.Extra["idleConnections"] = idle.Count;
                if (after - before is { } grown && idle.Count > 0)
                {
                    result.Extra["bytesPerIdleConnection"] = (double)grown / idle.Count;
                }
                return result;
            }
        );

    /// <summary>One request again and again on each connection: the metadata of all topics.</summary>
    public static RunResult Metadata(LoadPlan plan) =>
        WithTopic(
            plan,
            () =>
            {
                using EventLoop loop = new() { Spins = plan.Spins };
                Meter meter = new(plan.Meter);
                byte[] frame = Caller.Frame(ApiKey.Metadata, 12, 0, new MetadataRequest { Topics = null });
                List<RepeatLane> lanes = [];
                for (int i = 0; i < plan.Connections; i++)
                {
                    lanes.Add(new RepeatLane(loop, plan.Broker, meter, frame));
                }
                Run(loop, meter, producers: null, () => lanes.ForEach(lane => lane.Send()));
                return meter.Finish("metadata");
            }
        );

    /// <summary>The address that the i-th of many connections comes from.</summary>
    public static InetEndpoint? SourceOf(int i) =>
        i < PortsPerAddress ? null : new InetEndpoint([127, 0, 1, (byte)(i / PortsPerAddress)], 0);

    private static void Run(
        EventLoop loop,
        Meter meter,
        Producers? producers,
        Action? begin = null,
        Action<long>? eachTurn = null
    )
    {
        meter.Start();
        producers?.Start(EventLoop.Now);
        begin?.Invoke();
        long now = EventLoop.Now;
        while (meter.Tick(now))
        {
            eachTurn?.Invoke(now);
            long due = producers?.Send(now) ?? long.MaxValue;
            loop.Turn(Math.Min(due, meter.NextTick));
            now = EventLoop.Now;
        }
    }

    private static void Fill(LoadPlan plan, long records)
    {
        LoadPlan filling = plan with
        {
            Meter = new MeterOptions(0, 0, Math.Max(1, records / plan.Shape.PerBatch), 0, IsQuiet: true),
            FirstProducer = plan.FirstProducer + FillingProducers,
            Rate = 0,
            InFlight = 5,
        };
        using EventLoop loop = new();
        Meter meter = new(filling.Meter);
        Producers producers = new(loop, filling, meter);
        Run(loop, meter, producers);
        producers.Drain(loop);
    }

    /// <summary>Consumers that read from the beginning to what is the end now, in rounds.</summary>
    private static List<FetchLane> Replay(EventLoop loop, LoadPlan plan, Meter meter, long recordsFirst)
    {
        using Caller caller = new(plan.Broker);
        // The loop without a broker knows no ends: it has what was written first, in whole batches.
        long[] ends = plan.IsIdeal
            ? [recordsFirst / plan.Shape.PerBatch * plan.Shape.PerBatch]
            : Topics.Ends(caller, plan.Topic, plan.Partitions);
        List<FetchLane> lanes = [];
        for (int i = 0; i < plan.Consumers; i++)
        {
            int[] partitions = PartitionsOf(i, plan);
            lanes.Add(
                new FetchLane(loop, plan, meter, partitions, metersRecords: false)
                {
                    Rounds = Array.ConvertAll(partitions, partition => (0L, ends[partition])),
                }
            );
        }
        return lanes;
    }

    /// <summary>Consumers at the end of the log.</summary>
    private static List<FetchLane> Tail(EventLoop loop, LoadPlan plan, Meter meter)
    {
        using Caller caller = new(plan.Broker);
        long[] ends = plan.IsIdeal ? [0] : Topics.Ends(caller, plan.Topic, plan.Partitions);
        List<FetchLane> lanes = [];
        for (int i = 0; i < plan.Consumers; i++)
        {
            int[] partitions = PartitionsOf(i, plan);
            FetchLane lane = new(loop, plan, meter, partitions, metersRecords: true, SourceOf(i));
            for (int j = 0; j < partitions.Length; j++)
            {
                lane.Seek(j, ends[partitions[j]]);
            }
            lanes.Add(lane);
        }
        return lanes;
    }

    /// <summary>With fewer consumers than partitions each has several; with more, several have the same one.</summary>
    private static int[] PartitionsOf(int consumer, LoadPlan plan)
    {
        if (plan.Consumers >= plan.Partitions)
        {
            return [consumer % plan.Partitions];
        }
        List<int> partitions = [];
        for (int i = consumer; i < plan.Partitions; i += plan.Consumers)
        {
            partitions.Add(i);
        }
        return [.. partitions];
    }

    private static void AddLatencies(RunResult result, string name, Histogram latencies)
    {
        result.Extra[$"{name}P50Microseconds"] = latencies.At(0.5) / 1e3;
        result.Extra[$"{name}P99Microseconds"] = latencies.At(0.99) / 1e3;
        result.Extra[$"{name}P999Microseconds"] = latencies.At(0.999) / 1e3;
    }

    public static RunResult WithTopic(LoadPlan plan, Func<RunResult> run)
    {
        if (plan.IsIdeal)
        {
            return run();
        }
        using Caller caller = new(plan.Broker);
        if (!plan.TopicExists)
        {
            Topics.Create(caller, plan.Topic, plan.Partitions, plan.TopicConfigs);
        }
        try
        {
            return run();
        }
        finally
        {
            if (!plan.TopicExists && !plan.KeepsTopic)
            {
                Topics.Delete(caller, plan.Topic);
            }
        }
    }
}
