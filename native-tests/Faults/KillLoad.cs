using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// What many clients do at once while their broker is killed again and again: producers of all kinds and codecs into plain,
/// compacted and retained topics with segments of all sizes, offsets that are committed, topics that come and go.
/// </summary>
internal sealed class KillLoad
{
    private const int KeysCount = 40;
    private const int PaddingMax = 1500;

    /// <summary>Records of a topic that is compacted or shortened: a dozen of its segments and more.</summary>
    private const int ThinnedFrom = 3_000;

    private readonly PipelinedProducer[] _whole;
    private readonly PipelinedProducer[] _compacted;
    private readonly PipelinedProducer[] _retained;
    private readonly OffsetCommitter[] _committers = [new("workers", "exact", 2), new("auditors", "exact", 2)];
    private readonly TopicChurn _churn = new();
    private readonly LogCheck _check;

    public KillLoad(BrokerProcess broker, Random random)
    {
        _whole =
        [
            new(0, "exact", 0, isIdempotent: true, random.Next()),
            new(1, "exact", 1, isIdempotent: true, random.Next()) { Codec = CompressionCodec.Lz4 },
            new(2, "exact", 1, isIdempotent: true, random.Next()) { Codec = CompressionCodec.Zstd },
            new(3, "plain", 0, isIdempotent: false, random.Next()) { Codec = CompressionCodec.Gzip },
            new(4, "plain", 0, isIdempotent: false, random.Next()),
            new(5, "plain", 1, isIdempotent: false, random.Next()) { Codec = CompressionCodec.Snappy },
        ];
        _compacted = [Thinned(6, "keyed", 0, KeysCount), Thinned(7, "keyed", 1, KeysCount, CompressionCodec.Lz4)];
        _retained = [Thinned(8, "retained", 0, 0)];
        _check = new LogCheck(_whole);
        Producers = [.. _whole, .. _compacted, .. _retained];
        Others = [.. _committers.Select(committer => (Action<BrokerProcess>)committer.Run), _churn.Run];
        MakeTopics(broker);

        // One batch in flight: a broker knows a producer's last batch from a snapshot, not the ones before it.
        PipelinedProducer Thinned(
            int index,
            string topic,
            int partition,
            int keys,
            CompressionCodec codec = CompressionCodec.None
        ) =>
            new(index, topic, partition, isIdempotent: true, random.Next())
            {
                Codec = codec,
                Keys = keys,
                PaddingMax = PaddingMax,
                InFlightMax = 1,
            };
    }

    public PipelinedProducer[] Producers { get; }

    /// <summary>Clients that are no producers.</summary>
    public Action<BrokerProcess>[] Others { get; }

    /// <summary>After a kill, while no client runs.</summary>
    public void Check(BrokerProcess broker)
    {
        _check.Continue(broker);
        CheckOthers(broker);
    }

    /// <summary>
    /// Sends what was in flight at the last kill, and to the topics that are thinned what is missing for that: the lives end by
    /// the number of answers, and a producer that was slow to connect had few of them.
    /// </summary>
    public void Finish(BrokerProcess broker)
    {
        foreach (PipelinedProducer producer in Producers)
        {
            long least = _whole.Contains(producer) ? 0 : ThinnedFrom;
            producer.Run(broker, () => producer.Sent < least, () => { });
            Assert.Empty(producer.Errors);
        }
    }

    /// <summary>Everything from the beginning, after all producers have finished; and that the topics were thinned.</summary>
    public void CheckWhole(BrokerProcess broker)
    {
        LogCheck.Whole(broker, _whole, isFinished: true);
        CheckOthers(broker);
        Until.Holds(() => _churn.HasOnlyItsDirectories(broker), "directories of deleted topics go away");
        foreach (PipelinedProducer producer in _compacted)
        {
            Until.Holds(() => ThinnedLogCheck.Left(broker, producer).Count < producer.Sent, "a log is compacted");
        }
        foreach (PipelinedProducer producer in _retained)
        {
            Until.Holds(() => ThinnedLogCheck.Left(broker, producer).Start > 0, "a log's first records are deleted");
        }
    }

    public string Describe(BrokerProcess broker) =>
        $"{Producers.Sum(one => one.Acknowledged.Count)} records acknowledged, {Producers.Sum(one => one.Sent)} sent, "
        + $"{_compacted.Sum(one => ThinnedLogCheck.Left(broker, one).Count)} of {_compacted.Sum(one => one.Sent)} left by "
        + $"compaction, {_retained.Sum(one => ThinnedLogCheck.Left(broker, one).Count)} of {_retained.Sum(one => one.Sent)} "
        + $"by retention, {_committers.Sum(one => one.Acknowledged)} offsets committed, {_churn.Made} topics made";

    private static void MakeTopics(BrokerProcess broker)
    {
        using KafkaConnection connection = new(broker);
        connection.CreateTopic("exact", 2);
        // Small segments: kills also fall into rolls, cleanings and deletions.
        connection.CreateTopic("plain", 2, ("segment.bytes", "1048576"));
        connection.CreateTopic(
            "keyed",
            2,
            ("cleanup.policy", "compact"),
            ("internal.segment.bytes", "65536"),
            ("min.cleanable.dirty.ratio", "0.01")
        );
        connection.CreateTopic("retained", 1, ("internal.segment.bytes", "65536"), ("retention.bytes", "200000"));
        FindCoordinatorRequest find = new() { KeyType = 0, CoordinatorKeys = ["workers"] };
        Until.Holds(
            () =>
                connection
                    .Call<FindCoordinatorResponse>(ApiKey.FindCoordinator, 4, find, FindCoordinatorResponse.TryRead)
                    .Coordinators[0]
                    .ErrorCode == 0,
            "a coordinator is found"
        );
    }

    private void CheckOthers(BrokerProcess broker)
    {
        Assert.All(_compacted, producer => ThinnedLogCheck.Compacted(broker, producer));
        Assert.All(_retained, producer => ThinnedLogCheck.Retained(broker, producer));
        Assert.All(_committers, committer => committer.Check(broker));
        _churn.Check(broker);
    }
}
