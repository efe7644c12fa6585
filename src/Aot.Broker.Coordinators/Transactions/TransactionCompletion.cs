using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>
/// Carries out what was decided: a marker into every partition of the transaction, tried for ever, then the record that says
/// so. Repeating it after a crash is safe, because the partitions take a marker twice without harm and the next transaction
/// of the id does not begin before the record. Runs on the shard's core.
/// </summary>
internal sealed class TransactionCompletion(TransactionShard shard)
{
    private const long RetryMs = 50;

    /// <summary>Between two log lines about a transaction that cannot be completed.</summary>
    private const int RoundsBetweenWarnings = 200;

    public void Start(TransactionEntry entry) => shard.Core.Spawn(async _ => await RunAsync(entry));

    private async Task RunAsync(TransactionEntry entry)
    {
        TransactionMetadata prepared = entry.Metadata!;
        TransactionMarker marker = new(
            prepared.ProducerId,
            prepared.ProducerEpoch,
            prepared.IsCommitting,
            shard.CoordinatorEpoch,
            prepared.BumpsEpoch
        );
        HashSet<TopicPartition> left = [.. prepared.Partitions];
        for (int round = 0; left.Count > 0; round++)
        {
            if (round > 0)
            {
                await shard.Core.DelayAsync(RetryMs);
            }
            if (shard.State != ShardState.Active)
            {
                return;
            }
            await WriteAsync(marker, left);
            if (left.Count > 0 && round % RoundsBetweenWarnings == RoundsBetweenWarnings - 1)
            {
                CoordinatorTrace.Log.Warn(
                    "a transaction waits for partitions that take no marker",
                    ("transactionalId", entry.Key),
                    ("partitions", left.Count),
                    ("first", left.First())
                );
            }
        }
        await CompleteAsync(entry, prepared);
    }

    /// <summary>Removes the partitions that are done with the transaction.</summary>
    private async Task WriteAsync(TransactionMarker marker, HashSet<TopicPartition> left)
    {
        Dictionary<TopicPartition, ErrorCode> results = await TransactionMarkers.WriteAsync(
            shard.Core,
            shard.NodeId,
            marker,
            left
        );
        foreach ((TopicPartition partition, ErrorCode error) in results)
        {
            if (IsSettled(error))
            {
                left.Remove(partition);
            }
        }
    }

    /// <summary>
    /// Written, or without object: the partition was deleted, or knows a newer producer or coordinator, and so the end of this
    /// transaction.
    /// </summary>
    private static bool IsSettled(ErrorCode error) =>
        error
            is ErrorCode.None
                or ErrorCode.UnknownTopicOrPartition
                or ErrorCode.InvalidProducerEpoch
                or ErrorCode.TransactionCoordinatorFenced;

    private async Task CompleteAsync(TransactionEntry entry, TransactionMetadata prepared)
    {
        while (shard.State == ShardState.Active)
        {
            await entry.Turn.EnterAsync();
            ErrorCode error;
            try
            {
                if (entry.Metadata != prepared)
                {
                    return;
                }
                error = await shard.ChangeAsync(entry, TransactionRules.Complete(prepared, shard.Core.WallMillis));
            }
            finally
            {
                entry.Turn.Leave();
            }
            if (error == ErrorCode.None)
            {
                return;
            }
            await shard.Core.DelayAsync(RetryMs);
        }
    }
}
