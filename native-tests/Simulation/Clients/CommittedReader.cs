using System.Text;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A read_committed consumer that reads every partition from its beginning to its end once. It drops what the broker's
/// list of aborted transactions tells it to drop, by Kafka's rule: from the transaction's first offset to its marker.
/// </summary>
internal sealed class CommittedReader(World world, TopicUnderTest topic)
{
    public async Task<List<(long Offset, string Value)>[]> ReadAllAsync()
    {
        List<(long, string)>[] all = new List<(long, string)>[topic.Partitions];
        for (int partition = 0; partition < all.Length; )
        {
            WireClient client = (await WireClient.ConnectAsync(world, () => false))!;
            try
            {
                while (partition < all.Length)
                {
                    all[partition] = await ReadAsync(client, partition);
                    partition++;
                }
            }
            catch (ConnectionLost)
            {
                // The partition is read again from its beginning.
            }
            client.Close();
        }
        return all;
    }

    private async Task<List<(long, string)>> ReadAsync(WireClient client, int partition)
    {
        List<(long, string)> values = [];
        long next = 0;
        while (true)
        {
            FetchResponse.PartitionData? data = await TryFetchAsync(client, partition, next);
            if (data is null)
            {
                await world.DelayAsync(TopicUnderTest.RetryNanos);
                continue;
            }
            if (next >= data.LastStableOffset)
            {
                world.Check(
                    data.LastStableOffset == data.HighWatermark,
                    $"a transaction is open in {partition} from {data.LastStableOffset} on, and nobody has one"
                );
                return values;
            }
            long before = next;
            next = Take(data, next, values);
            world.Check(next > before, $"no record of {partition} from {before} on, below {data.LastStableOffset}");
        }
    }

    /// <summary>One fetch: adds what is committed to the values; the offset to go on from.</summary>
    public async Task<long> PollAsync(WireClient client, int partition, long from, List<(long, string)> values) =>
        await TryFetchAsync(client, partition, from) is { } data ? Take(data, from, values) : from;

    /// <summary>Null: the broker cannot answer now.</summary>
    private async Task<FetchResponse.PartitionData?> TryFetchAsync(WireClient client, int partition, long from)
    {
        FetchResponse.PartitionData data = await FetchAsync(client, partition, from);
        ErrorCode error = (ErrorCode)data.ErrorCode;
        if (error != ErrorCode.None && topic.MayAnswer(error))
        {
            return null;
        }
        world.Check(error == ErrorCode.None, $"fetch of {topic.Name}-{partition} at {from}: {error}");
        return data;
    }

    private static long Take(FetchResponse.PartitionData data, long from, List<(long, string)> values)
    {
        List<FetchResponse.AbortedTransaction> left = [.. data.AbortedTransactions ?? []];
        HashSet<long> aborting = [];
        BatchScanner scanner = new(data.Records ?? []);
        long next = from;
        while (scanner.MoveNext())
        {
            RecordBatchView batch = scanner.Batch;
            long last = batch.NextOffset - 1;
            foreach (FetchResponse.AbortedTransaction begun in left.Where(a => a.FirstOffset <= last).ToList())
            {
                aborting.Add(begun.ProducerId);
                left.Remove(begun);
            }
            if (batch.IsControl)
            {
                aborting.Remove(batch.ProducerId);
            }
            else if (!batch.IsTransactional || !aborting.Contains(batch.ProducerId))
            {
                RecordEnumerator records = batch.Records();
                while (records.MoveNext())
                {
                    long offset = batch.BaseOffset + records.Current.OffsetDelta;
                    if (offset >= from)
                    {
                        values.Add((offset, Encoding.ASCII.GetString(records.Current.Value.Span)));
                    }
                }
            }
            next = batch.NextOffset;
        }
        return next;
    }

    private async Task<FetchResponse.PartitionData> FetchAsync(WireClient client, int partition, long offset)
    {
        FetchResponse response = await client.CallAsync<FetchResponse>(
            ApiKey.Fetch,
            12,
            new FetchRequest
            {
                ReplicaId = -1,
                MinBytes = 0,
                MaxBytes = 1_000_000,
                IsolationLevel = 1,
                SessionEpoch = -1,
                Topics =
                [
                    new()
                    {
                        Topic = topic.Name,
                        Partitions =
                        [
                            new()
                            {
                                Partition = partition,
                                FetchOffset = offset,
                                PartitionMaxBytes = 20_000,
                                CurrentLeaderEpoch = -1,
                                LastFetchedEpoch = -1,
                            },
                        ],
                    },
                ],
            },
            FetchResponse.TryRead
        );
        return response.Responses[0].Partitions[0];
    }
}
