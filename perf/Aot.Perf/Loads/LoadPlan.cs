using Aot.Broker.Linux;
using Aot.Perf.Measure;
using Aot.Perf.Records;

namespace Aot.Perf.Loads;

/// <summary>What to do against which broker: the command line, read and checked.</summary>
internal sealed record LoadPlan
{
    public required InetEndpoint Broker { get; init; }

    public required string Topic { get; init; }

    public required MeterOptions Meter { get; init; }

    public required RecordShape Shape { get; init; }

    /// <summary>The topic is there; it is neither made nor deleted.</summary>
    public bool TopicExists { get; init; }

    public bool KeepsTopic { get; init; }

    public int Partitions { get; init; } = 1;

    public IReadOnlyList<(string Name, string Value)> TopicConfigs { get; init; } = [];

    /// <summary>
    /// The number in the records of the first producing connection, below 2^14. Another run's are others, or a reader of both
    /// would take the second for a gap.
    /// </summary>
    public int FirstProducer { get; init; }

    /// <summary>Producing connections.</summary>
    public int Connections { get; init; } = 1;

    /// <summary>Requests under way on each of them.</summary>
    public int InFlight { get; init; } = 1;

    public short Acks { get; init; } = 1;

    /// <summary>Records per second of all together, each at its time; 0 = as fast as the answers come.</summary>
    public double Rate { get; init; }

    public bool IsIdempotent { get; init; }

    /// <summary>Batches of each transaction; 0 = no transactions.</summary>
    public int TransactionBatches { get; init; }

    /// <summary>Consuming connections.</summary>
    public int Consumers { get; init; } = 1;

    /// <summary>Connections that do nothing.</summary>
    public int IdleConnections { get; init; }

    /// <summary>Members of groups, each on a connection of its own.</summary>
    public int Members { get; init; } = 100;

    /// <summary>The members are divided among so many groups.</summary>
    public int Groups { get; init; } = 1;

    public GroupProtocol GroupProtocol { get; init; }

    /// <summary>Members are settled when nothing has changed for so long.</summary>
    public double SettleSeconds { get; init; } = 3;

    public int FetchBytes { get; init; } = 1024 * 1024;

    public int FetchWaitMs { get; init; } = 500;

    public CheckDepth Check { get; init; } = CheckDepth.Records;

    public bool Spins { get; init; }

    /// <summary>The peer is the loop without a broker in it: it knows produce and fetch only, and has no topics.</summary>
    public bool IsIdeal { get; init; }

    /// <summary>The peer is nats-server.</summary>
    public bool IsNats { get; init; }
}
