using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>
/// What happens to transactional ids without a request: transactions that take too long are aborted, and ids that nobody
/// uses are forgotten. Runs on the shard's core.
/// </summary>
internal sealed class TransactionUpkeep(TransactionShard shard)
{
    public void Schedule()
    {
        Every(shard.Options.AbortTimedOutIntervalMs, AbortTimedOutAsync);
        Every(shard.Options.RemoveExpiredIntervalMs, RemoveExpiredAsync);
    }

    private void Every(long intervalMs, Func<Task> work) =>
        RepeatedWork.Every(shard.Core, intervalMs, () => shard.State == ShardState.Active, work);

    private async Task AbortTimedOutAsync()
    {
        foreach (TransactionEntry entry in Find(each => TransactionRules.HasTimedOut(each, shard.Core.WallMillis)))
        {
            await InTurnAsync(
                entry,
                async current =>
                {
                    long now = shard.Core.WallMillis;
                    if (TransactionRules.HasTimedOut(current, now))
                    {
                        ErrorCode error = await shard.ChangeAsync(entry, TransactionRules.Fence(current, now));
                        CoordinatorTrace.Log.Info(
                            "a transaction took too long and is aborted",
                            ("transactionalId", entry.Key),
                            ("timeoutMs", current.TimeoutMs),
                            ("error", error)
                        );
                    }
                }
            );
        }
    }

    private async Task RemoveExpiredAsync()
    {
        foreach (TransactionEntry entry in Find(HasExpired))
        {
            await InTurnAsync(
                entry,
                async current =>
                {
                    if (HasExpired(current))
                    {
                        await shard.ForgetAsync(entry);
                    }
                }
            );
            shard.RemoveIfUnused(entry);
        }
    }

    private bool HasExpired(TransactionMetadata metadata) =>
        TransactionRules.HasExpired(metadata, shard.Options.TransactionalIdExpirationMs, shard.Core.WallMillis);

    private List<TransactionEntry> Find(Func<TransactionMetadata, bool> condition) =>
        [.. shard.Entries.Where(entry => entry.Metadata is { } metadata && condition(metadata))];

    private static async Task InTurnAsync(TransactionEntry entry, Func<TransactionMetadata, Task> work)
    {
        await entry.Turn.EnterAsync();
        try
        {
            if (entry.Metadata is { } current)
            {
                await work(current);
            }
        }
        finally
        {
            entry.Turn.Leave();
        }
    }
}
