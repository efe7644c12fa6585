using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Aot.Broker.CommandLine;
using Aot.Broker.Linux;
using Aot.Broker.Protocol.Codecs;
using Aot.Perf.Client;
using Aot.Perf.Loads;
using Aot.Perf.Measure;
using Aot.Perf.Records;

namespace Aot.Perf;

/// <summary>The table of commands: one load each, and the options that most of them share.</summary>
internal static class PerfCommands
{
    private static readonly Option[] s_common =
    [
        new("--bootstrap", "HOST:PORT", "The broker (127.0.0.1:9092)"),
        new("--topic", "NAME", "An existing topic, which is left as it is; without it one is made and deleted"),
        new("--partitions", "N", "Of the topic that is made, or how many of the given one are used (1)"),
        new("--config", "NAME=VALUE", "A setting of the topic that is made", IsRepeatable: true),
        new("--keep", null, "Leave the topic that was made"),
        new("--seconds", "S", "How long to measure (10)"),
        new("--requests", "N", "Measure so many requests instead"),
        new("--warmup", "S", "How long to run before that (1)"),
        new("--broker-pid", "PID", "Say what the broker uses of the processor and of memory"),
        new("--format", "text|json", "Of the result on standard output (text)"),
        new("--picture", "FILE", "Draw the latencies as SVG"),
        new("--quiet", null, "No line per second on standard error"),
        new("--spin", null, "Look for answers without sleeping"),
        new("--ideal", null, "The peer is perf/ideal, which has no topics"),
        new(
            "--nats",
            null,
            "The peer is nats-server with JetStream: produce and end-to-end, one connection, one record a batch"
        ),
    ];

    private static readonly Option[] s_produce =
    [
        new("--connections", "N", "Connections that produce (1)"),
        new("--in-flight", "N", "Requests under way on each of them (1)"),
        new("--rate", "N", "Records per second of all together, each at its time; without it as fast as answers come"),
        new("--acks", "0|1|-1", "(1)"),
        new("--idempotent", null, "With a producer id and sequences"),
        new("--transaction-batches", "N", "Transactions of so many batches"),
    ];

    private static readonly Option[] s_shape =
    [
        new("--record-bytes", "N", "Of each record's value, at least 20 (1000)"),
        new("--batch-records", "N", "Records of a batch (1)"),
        new("--codec", "none|gzip|snappy|lz4|zstd", "(none)"),
        new("--keys", "N", "Records have one of so many keys"),
        new("--key-skew", "S", "Zipf's exponent of the keys; without it all are equally frequent"),
    ];

    private static readonly Option[] s_consume =
    [
        new("--consumers", "N", "Connections that consume (1)"),
        new("--fetch-bytes", "N", "Taken at once (1048576)"),
        new("--fetch-wait", "MS", "A fetch waits so long for the first byte (500)"),
        new("--check", "offsets|batches|records", "How closely to look at what is read (records)"),
    ];

    private static readonly Option s_first = new(
        "--fill",
        "RECORDS",
        "Written first into a topic that is made (100000)"
    );

    public static IReadOnlyList<Command> All { get; } =
    [
        New(
            "produce",
            "Write records",
            [.. s_produce, .. s_shape],
            (plan, _) => plan.IsNats ? NatsLoad.Produce(plan) : Load.Produce(plan)
        ),
        New(
            "consume",
            "Read what a topic holds, again and again",
            [.. s_consume, .. s_shape, s_first],
            (plan, arguments) => Load.Consume(plan, Number(arguments, s_first.Name, 100_000))
        ),
        New(
            "end-to-end",
            "Records from producers to consumers that wait for them",
            [.. s_produce, .. s_shape, .. s_consume],
            (plan, _) => plan.IsNats ? NatsLoad.EndToEnd(plan) : Load.EndToEnd(plan)
        ),
        New(
            "mixed",
            "Write records beside consumers that replay",
            [.. s_produce, .. s_shape, .. s_consume, s_first],
            (plan, arguments) => Load.Mixed(plan, Number(arguments, s_first.Name, 100_000))
        ),
        New(
            "connections",
            "Write records beside idle connections",
            [.. s_produce, .. s_shape, new("--idle", "N", "Connections that are open and silent (1000)")],
            (plan, _) => Load.Connections(plan)
        ),
        New(
            "groups",
            "Members join all at once, and beat at a rate once nothing changes any more",
            [
                new("--protocol", "classic|consumer", "Of the groups: the classic one, or that of KIP-848 (classic)"),
                new("--members", "N", "Each on a connection of its own (100)"),
                new("--groups", "N", "The members are divided among so many (1)"),
                new("--rate", "N", "Heartbeats per second of all together (1000)"),
                new("--settle", "S", "Nothing has changed for so long, before heartbeats are measured (3)"),
            ],
            (plan, _) => GroupLoad.Run(plan)
        ),
        New(
            "metadata",
            "Ask for the metadata of all topics",
            [new("--connections", "N", "Connections that ask (1)")],
            (plan, _) => Load.Metadata(plan)
        ),
    ];

    private static Command New(
        string name,
        string summary,
        Option[] options,
        Func<LoadPlan, Arguments, RunResult> run
    ) => new(name, summary, [.. s_common, .. options], arguments => Run(arguments, run));

    private static ExitCode Run(Arguments arguments, Func<LoadPlan, Arguments, RunResult> run)
    {
        LoadPlan plan = Read(arguments);
        try
        {
            RunResult result = run(plan, arguments);
            bool isJson = arguments.Value("--format") == "json";
            Console.Out.Write(isJson ? result.ToJson() + "\n" : result.ToText());
            if (arguments.Value("--picture") is { } picture)
            {
                File.WriteAllText(picture, LatencyPicture.Draw(result));
            }
            return ExitCode.Clean;
        }
        catch (Exception failure) when (failure is LoadException or LinuxException)
        {
            Console.Error.WriteLine($"aot-perf: {failure.Message}");
            return ExitCode.Fatal;
        }
    }

    private static LoadPlan Read(Arguments arguments)
    {
        string? topic = arguments.Value("--topic");
        int batchRecords = (int)Number(arguments, "--batch-records", 1);
        int recordBytes = (int)Number(arguments, "--record-bytes", 1000);
        if (recordBytes < CheckedValue.HeaderBytes || batchRecords < 1)
        {
            throw new UsageException($"a record has at least {CheckedValue.HeaderBytes} bytes, and a batch one record");
        }
        if (arguments.Value("--format") is not (null or "text" or "json"))
        {
            throw new UsageException("--format is text or json");
        }
        return new LoadPlan
        {
            Broker = Endpoint(arguments.Value("--bootstrap") ?? "127.0.0.1:9092"),
            Topic = topic ?? $"aot-perf-{Environment.ProcessId}-{Environment.TickCount64:x}",
            TopicExists = topic is not null,
            FirstProducer = topic is null ? 0 : Environment.ProcessId & 0x1FFF,
            KeepsTopic = arguments.Has("--keep"),
            Partitions = (int)Number(arguments, "--partitions", 1),
            TopicConfigs = [.. arguments.Values("--config").Select(Setting)],
            Meter = new MeterOptions(
                Real(arguments, "--warmup", 1),
                Real(arguments, "--seconds", 10),
                Number(arguments, "--requests", 0),
                (int)Number(arguments, "--broker-pid", 0),
                arguments.Has("--quiet")
            ),
            Shape = new RecordShape(
                recordBytes,
                batchRecords,
                Codec(arguments.Value("--codec") ?? "none"),
                (int)Number(arguments, "--keys", 0),
                Real(arguments, "--key-skew", 0)
            ),
            Connections = (int)Number(arguments, "--connections", 1),
            InFlight = (int)Number(arguments, "--in-flight", 1),
            Rate = Real(arguments, "--rate", 0),
            Acks =
                arguments.Has("--transaction-batches") || arguments.Has("--idempotent")
                    ? (short)-1
                    : (short)Number(arguments, "--acks", 1, min: -1),
            IsIdempotent = arguments.Has("--idempotent"),
            TransactionBatches = (int)Number(arguments, "--transaction-batches", 0),
            Consumers = (int)Number(arguments, "--consumers", 1),
            IdleConnections = (int)Number(arguments, "--idle", 1000),
            Members = (int)Number(arguments, "--members", 100, min: 1),
            Groups = (int)Number(arguments, "--groups", 1, min: 1),
            SettleSeconds = Real(arguments, "--settle", 3),
            GroupProtocol = Protocol(arguments.Value("--protocol") ?? "classic"),
            FetchBytes = (int)Number(arguments, "--fetch-bytes", 1024 * 1024),
            FetchWaitMs = (int)Number(arguments, "--fetch-wait", 500),
            Check = Depth(arguments.Value("--check") ?? "records"),
            Spins = arguments.Has("--spin"),
            IsNats = arguments.Has("--nats"),
            IsIdeal = arguments.Has("--ideal"),
        };
    }

    private static InetEndpoint Endpoint(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon < 1 || !ushort.TryParse(text.AsSpan(colon + 1), CultureInfo.InvariantCulture, out ushort port))
        {
            throw new UsageException($"'{text}' is not HOST:PORT");
        }
        string host = text[..colon];
        IPAddress? address = IPAddress.TryParse(host, out IPAddress? literal)
            ? literal
            : Array.Find(Dns.GetHostAddresses(host), one => one.AddressFamily == AddressFamily.InterNetwork);
        return address is not null
            ? InetEndpoint.From(address, port)
            : throw new UsageException($"'{host}' has no address");
    }

    private static (string Name, string Value) Setting(string text)
    {
        int equals = text.IndexOf('=');
        return equals > 0
            ? (text[..equals], text[(equals + 1)..])
            : throw new UsageException($"'{text}' is not NAME=VALUE");
    }

    private static CompressionCodec Codec(string name) =>
        name switch
        {
            "none" => CompressionCodec.None,
            "gzip" => CompressionCodec.Gzip,
            "snappy" => CompressionCodec.Snappy,
            "lz4" => CompressionCodec.Lz4,
            "zstd" => CompressionCodec.Zstd,
            _ => throw new UsageException($"there is no codec '{name}'"),
        };

    private static GroupProtocol Protocol(string name) =>
        name switch
        {
            "classic" => GroupProtocol.Classic,
            "consumer" => GroupProtocol.Consumer,
            _ => throw new UsageException($"--protocol is classic or consumer, not '{name}'"),
        };

    private static CheckDepth Depth(string name) =>
        name switch
        {
            "offsets" => CheckDepth.Offsets,
            "batches" => CheckDepth.Batches,
            "records" => CheckDepth.Records,
            _ => throw new UsageException($"--check is offsets, batches or records, not '{name}'"),
        };

    private static long Number(Arguments arguments, string option, long otherwise, long min = 0)
    {
        if (arguments.Value(option) is not { } text)
        {
            return otherwise;
        }
        return long.TryParse(text, CultureInfo.InvariantCulture, out long value) && value >= min
            ? value
            : throw new UsageException($"{option} is a whole number of at least {min}, not '{text}'");
    }

    private static double Real(Arguments arguments, string option, double otherwise)
    {
        if (arguments.Value(option) is not { } text)
        {
            return otherwise;
        }
        return double.TryParse(text, CultureInfo.InvariantCulture, out double value) && value >= 0
            ? value
            : throw new UsageException($"{option} is a number, not '{text}'");
    }
}
