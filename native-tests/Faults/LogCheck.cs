using Aot.Broker.Harness;

namespace Aot.Broker.Faults.Tests;

/// <summary>Holds what is in the partitions against what producers know: see <see cref="PipelinedProducer"/>.</summary>
internal sealed class LogCheck(IReadOnlyList<PipelinedProducer> producers)
{
    private readonly Dictionary<(string, int), long> _checkedTo = [];
    private readonly Dictionary<int, long> _last = [];
    private readonly Dictionary<int, int> _heldTo = [];
    private readonly Dictionary<(int Producer, long Number), long> _offsets = [];

    /// <summary>Reads on from where the last check ended; what was read before must not move.</summary>
    public void Continue(BrokerProcess broker)
    {
        using KafkaConnection connection = new(broker);
        foreach (
            IGrouping<(string Topic, int Partition), PipelinedProducer> log in producers.GroupBy(one =>
                (one.Topic, one.Partition)
            )
        )
        {
            long from = _checkedTo.GetValueOrDefault(log.Key);
            _checkedTo[log.Key] = connection.ReadAll(
                log.Key.Topic,
                log.Key.Partition,
                from,
                (offset, value) => Check(log.Key, offset, value)
            );
        }
        foreach (PipelinedProducer producer in producers)
        {
            int held = _heldTo.GetValueOrDefault(producer.Index);
            _heldTo[producer.Index] = producer.Acknowledged.Count;
            // Answers come in order, and a dictionary that loses nothing keeps it.
            foreach ((long number, long offset) in producer.Acknowledged.Skip(held))
            {
                Assert.True(
                    _offsets.TryGetValue((producer.Index, number), out long found) && found == offset,
                    $"{number} of producer {producer.Index} was acknowledged at offset {offset} and is at {found}"
                );
            }
        }
    }

    /// <summary>Reads everything once more from the beginning.</summary>
    public static void Whole(BrokerProcess broker, IReadOnlyList<PipelinedProducer> producers, bool isFinished)
    {
        LogCheck check = new(producers);
        check.Continue(broker);
        foreach (PipelinedProducer producer in producers.Where(one => isFinished && one.IsIdempotent))
        {
            Assert.Equal(producer.Sent - 1, check._last[producer.Index]);
            Assert.Equal(producer.Sent, producer.Acknowledged.Count);
        }
    }

    private void Check((string, int) log, long offset, ReadOnlySpan<byte> value)
    {
        (int index, long number) = Batches.Read(value);
        PipelinedProducer producer = producers.Single(one => one.Index == index);
        long last = _last.GetValueOrDefault(index, -1);
        Assert.True(
            producer.IsIdempotent ? number == last + 1 : number > last,
            $"{log} offset {offset}: {number} of producer {index} after {last}"
        );
        _last[index] = number;
        _offsets.Add((index, number), offset);
    }
}
