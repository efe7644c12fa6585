using Aot.Broker.Coordinators.Regexes;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>Which transactions a ListTransactions wants; what is empty, negative or null lets everything pass.</summary>
internal sealed record TransactionFilter(
    IReadOnlySet<string> States,
    IReadOnlySet<long> ProducerIds,
    long DurationMs,
    LinearRegex? TransactionalId
)
{
    public bool Passes(TransactionMetadata metadata, long nowMs) =>
        metadata.State != TransactionState.Dead
        && (ProducerIds.Count == 0 || ProducerIds.Contains(metadata.ProducerId))
        && (States.Count == 0 || States.Contains(metadata.State.ToString()))
        && (DurationMs < 0 || nowMs - metadata.StartMs > DurationMs)
        && (TransactionalId is null || TransactionalId.IsMatch(metadata.TransactionalId));
}

/// <summary>Describing and listing the transactions of one shard. Runs on the shard's core.</summary>
internal sealed class TransactionAdmin(TransactionShard shard)
{
    public DescribeTransactionsResponse.TransactionStateData Describe(string transactionalId)
    {
        TransactionMetadata? metadata = shard.Find(transactionalId)?.Metadata;
        if (metadata is null or { State: TransactionState.Dead })
        {
            return Refuse(transactionalId, ErrorCode.TransactionalIdNotFound);
        }
        return new DescribeTransactionsResponse.TransactionStateData
        {
            TransactionalId = transactionalId,
            TransactionState = metadata.State.ToString(),
            TransactionTimeoutMs = metadata.TimeoutMs,
            TransactionStartTimeMs = metadata.StartMs,
            ProducerId = metadata.ProducerId,
            ProducerEpoch = metadata.ProducerEpoch,
            Topics =
            [
                .. metadata
                    .Partitions.GroupBy(partition => partition.Topic)
                    .OrderBy(topic => topic.Key, StringComparer.Ordinal)
                    .Select(topic => new DescribeTransactionsResponse.TopicData
                    {
                        Topic = topic.Key,
                        Partitions = [.. topic.Select(partition => partition.Partition).Order()],
                    }),
            ],
        };
    }

    public static DescribeTransactionsResponse.TransactionStateData Refuse(string transactionalId, ErrorCode error) =>
        new() { TransactionalId = transactionalId, ErrorCode = (short)error };

    public List<ListTransactionsResponse.TransactionStateData> List(TransactionFilter filter)
    {
        long now = shard.Core.WallMillis;
        List<ListTransactionsResponse.TransactionStateData> listed = [];
        foreach (TransactionEntry entry in shard.Entries)
        {
            if (entry.Metadata is { } metadata && filter.Passes(metadata, now))
            {
                listed.Add(
                    new ListTransactionsResponse.TransactionStateData
                    {
                        TransactionalId = metadata.TransactionalId,
                        ProducerId = metadata.ProducerId,
                        TransactionState = metadata.State.ToString(),
                    }
                );
            }
        }
        return listed;
    }
}
