using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// A client that behaves, while others do not: it produces a batch, reads it back and compares, over one connection and
/// one topic, on a thread of its own until disposed.
/// </summary>
internal sealed class Bystander : IDisposable
{
    private const string Topic = "bystander";
    private const int RecordsPerRound = 3;

    /// <summary>
    /// What a topic takes from the broker's defaults where it has nothing of its own. Others may change the defaults of the
    /// cluster, and rightly so: a client that must go on has its own.
    /// </summary>
    public static readonly (string Name, string Value)[] PinnedSettings =
    [
        ("min.insync.replicas", "1"),
        ("compression.type", "producer"),
        ("max.message.bytes", "1048588"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
    ];

    private readonly BrokerProcess _broker;
    private readonly Thread _thread;
    private volatile bool _stops;
    private Exception? _failure;
    private long _rounds;
    private long _next;

    public Bystander(BrokerProcess broker)
    {
        _broker = broker;
        using (KafkaConnection connection = new(broker))
        {
            connection.CreateTopic(Topic, 1, PinnedSettings);
        }
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
        MustGoOn();
    }

    /// <summary>Waits until it was served some rounds more, from now on.</summary>
    public void MustGoOn(int rounds = 5)
    {
        long goal = Volatile.Read(ref _rounds) + rounds;
        Until.Holds(
            () => Volatile.Read(ref _rounds) >= goal || Volatile.Read(ref _failure) is not null || !_broker.IsRunning,
            $"the other client is served\n{_broker.Describe()}"
        );
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw new HarnessException($"the other client failed: {failure}\n{_broker.Describe()}");
        }
        Assert.True(_broker.IsRunning, _broker.Describe());
    }

    public void Dispose()
    {
        _stops = true;
        _thread.Join();
    }

    private void Run()
    {
        try
        {
            using KafkaConnection connection = new(_broker);
            while (!_stops)
            {
                Round(connection);
                Interlocked.Increment(ref _rounds);
            }
        }
        catch (Exception failure)
        {
            Volatile.Write(ref _failure, failure);
        }
    }

    private void Round(KafkaConnection connection)
    {
        ProduceResponse.PartitionProduceResponse answer = connection.Produce(
            Topic,
            0,
            Batches.Numbered(1, _next, RecordsPerRound, 50)
        );
        Assert.Equal((ErrorCode.None, _next), ((ErrorCode)answer.ErrorCode, answer.BaseOffset));
        List<long> read = [];
        connection.ReadAll(Topic, 0, _next, (_, value) => read.Add(Batches.Read(value).Number));
        Assert.Equal(Enumerable.Range(0, RecordsPerRound).Select(i => _next + i), read);
        _next += RecordsPerRound;
    }
}
