using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>What a broker says that does not know one of the rules, as its clients hear it: see <see cref="BrokenRules"/>.</summary>
internal static class BrokenAnswers
{
    private const int OneIn = 4;
    private const int OffsetsBack = 4;

    public static void Apply(World world, object answer)
    {
        BrokenRules broken = world.Device.Broken;
        switch (answer)
        {
            case FetchResponse fetch:
                foreach (FetchResponse.PartitionData data in fetch.Responses.SelectMany(topic => topic.Partitions))
                {
                    Break(world, data);
                }
                break;
            case OffsetFetchResponse offsets when broken.HasFlag(BrokenRules.CommittedOffset):
                foreach (
                    OffsetFetchResponse.OffsetFetchResponsePartition one in offsets.Topics.SelectMany(topic =>
                        topic.Partitions
                    )
                )
                {
                    one.CommittedOffset = Math.Max(0, one.CommittedOffset - OffsetsBack);
                }
                break;
            case ProduceResponse produce when broken.HasFlag(BrokenRules.AnsweredOffset) && world.Random.OneIn(OneIn):
                foreach (
                    ProduceResponse.PartitionProduceResponse one in produce.Responses.SelectMany(topic =>
                        topic.PartitionResponses
                    )
                )
                {
                    one.BaseOffset = Math.Max(0, one.BaseOffset - OffsetsBack);
                }
                break;
        }
    }

    private static void Break(World world, FetchResponse.PartitionData data)
    {
        BrokenRules broken = world.Device.Broken;
        if (broken.HasFlag(BrokenRules.AbortedList))
        {
            data.AbortedTransactions = [];
        }
        List<byte[]> batches = Split(data.Records);
        if (batches.Count == 0 || !world.Random.OneIn(OneIn))
        {
            return;
        }
        if (broken.HasFlag(BrokenRules.EveryBatch))
        {
            batches.RemoveAt(world.Random.Below(batches.Count));
        }
        if (broken.HasFlag(BrokenRules.BatchOrder))
        {
            batches.Reverse();
        }
        data.Records = [.. batches.SelectMany(batch => batch)];
    }

    /// <summary>The whole batches.</summary>
    private static List<byte[]> Split(byte[]? records)
    {
        List<byte[]> batches = [];
        ReadOnlySpan<byte> rest = records;
        while (RecordBatchView.TryRead(rest, out RecordBatchView batch) && batch.IsWhole)
        {
            batches.Add(rest[..batch.TotalSize].ToArray());
            rest = rest[batch.TotalSize..];
        }
        return batches;
    }
}
