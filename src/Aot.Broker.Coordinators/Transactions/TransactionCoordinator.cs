using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.Regexes;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>
/// The front of the transaction coordinator: finds the shard of a transactional id and runs the request on the core that owns
/// it. One object for the process, without state of its own besides settings; it may be called from every core. As a listener
/// of the metadata it starts and ends shards as partitions of <c>__transaction_state</c> come and go.
/// </summary>
public sealed class TransactionCoordinator(int nodeId, TransactionOptions options) : IMetadataListener
{
    public const string TopicName = TopicImage.TransactionStateTopic;

    private readonly ShardFront<TransactionShard> _shards = new(
        nodeId,
        TopicName,
        (core, partition, log) => new TransactionShard(core, nodeId, partition, log, options)
    );

    /// <summary>The broker whose partitions take its markers.</summary>
    public int NodeId => nodeId;

    public ValueTask OnImageAsync(Core core, MetadataImage previous, MetadataImage current, MetadataDelta delta)
    {
        _shards.Update(core, current);
        return ValueTask.CompletedTask;
    }

    /// <summary>InitProducerId with a transactional id.</summary>
    public Task<ProducerIdentity> InitializeAsync(Core from, InitProducerIdRequest request)
    {
        string transactionalId = request.TransactionalId!;
        ErrorCode refusal =
            transactionalId.Length == 0 ? ErrorCode.InvalidRequest
            : request.Enable2Pc && !options.AllowsTwoPhaseCommit ? ErrorCode.TransactionalIdAuthorizationFailed
            // Kept transactions are a part of KIP-939 that Apache Kafka does not have yet either.
            : request.KeepPreparedTxn ? ErrorCode.UnsupportedVersion
            : !request.Enable2Pc
            && (request.TransactionTimeoutMs <= 0 || request.TransactionTimeoutMs > options.TimeoutMsMax)
                ? ErrorCode.InvalidTransactionTimeout
            : ErrorCode.None;
        return refusal == ErrorCode.None
            ? OnShardAsync(
                from,
                transactionalId,
                shard =>
                    shard.Requests.InitializeAsync(
                        transactionalId,
                        request.TransactionTimeoutMs,
                        request.ProducerId,
                        request.ProducerEpoch
                    ),
                ProducerIdentity.Refuse
            )
            : Task.FromResult(ProducerIdentity.Refuse(refusal));
    }

    /// <summary>AddPartitionsToTxn of a producer; all partitions have the same fate.</summary>
    public Task<ErrorCode> AddAsync(
        Core from,
        TransactionCaller caller,
        IReadOnlyCollection<TopicPartition> partitions,
        short clientVersion = 0
    ) =>
        OnShardAsync(
            from,
            caller.TransactionalId,
            shard => shard.Requests.AddAsync(caller, partitions, clientVersion),
            static error => error
        );

    /// <summary>What a produce or an offset commit of protocol 2 implies: adds the partitions, waiting a moment for the transaction before.</summary>
    public Task<ErrorCode> AddImpliedAsync(
        Core from,
        TransactionCaller caller,
        IReadOnlyCollection<TopicPartition> partitions
    ) =>
        OnShardAsync(
            from,
            caller.TransactionalId,
            shard => shard.Requests.AddImpliedAsync(caller, partitions),
            static error => error
        );

    /// <summary>Whether each partition is part of the open transaction; TRANSACTION_ABORTABLE for one that is not.</summary>
    public Task<PartitionErrors> VerifyAsync(
        Core from,
        TransactionCaller caller,
        IReadOnlyCollection<TopicPartition> partitions
    ) =>
        OnShardAsync(
            from,
            caller.TransactionalId,
            shard => Task.FromResult(shard.Requests.Verify(caller, partitions)),
            error => PartitionErrors.All(partitions, error)
        );

    public Task<ProducerIdentity> EndAsync(Core from, TransactionCaller caller, bool commit, short clientVersion) =>
        OnShardAsync(
            from,
            caller.TransactionalId,
            shard => shard.Requests.EndAsync(caller, commit, clientVersion),
            ProducerIdentity.Refuse
        );

    public async Task<DescribeTransactionsResponse> DescribeAsync(Core from, DescribeTransactionsRequest request)
    {
        DescribeTransactionsResponse.TransactionStateData[] states = await CoreTasks.AllAsync(
            request.TransactionalIds.Select(id =>
                OnShardAsync(
                    from,
                    id,
                    shard => Task.FromResult(shard.Admin.Describe(id)),
                    error => TransactionAdmin.Refuse(id, error)
                )
            )
        );
        return new DescribeTransactionsResponse { TransactionStates = [.. states] };
    }

    /// <summary>All transactions of this broker. While a shard still loads the list would be a lie, so the error says so.</summary>
    public async Task<ListTransactionsResponse> ListAsync(Core from, ListTransactionsRequest request)
    {
        if (!TryMakeFilter(request, out TransactionFilter filter, out List<string> unknown))
        {
            return new ListTransactionsResponse { ErrorCode = (short)ErrorCode.InvalidRegularExpression };
        }
        List<ListTransactionsResponse.TransactionStateData> listed = [];
        ErrorCode error = ErrorCode.None;
        foreach (Core core in from.Peers)
        {
            (bool isLoading, List<ListTransactionsResponse.TransactionStateData> found) = await from.CallAsync(
                core.Index,
                owner => ValueTask.FromResult(ListOfCore(owner, filter))
            );
            error = isLoading ? ErrorCode.CoordinatorLoadInProgress : error;
            listed.AddRange(found);
        }
        // A filter with nothing but unknown states asks for nothing.
        bool isEmpty = error != ErrorCode.None || (request.StateFilters.Count > 0 && filter.States.Count == 0);
        return new ListTransactionsResponse
        {
            ErrorCode = (short)error,
            UnknownStateFilters = [.. unknown],
            TransactionStates = isEmpty ? [] : [.. listed.OrderBy(t => t.TransactionalId, StringComparer.Ordinal)],
        };
    }

    private static (bool IsLoading, List<ListTransactionsResponse.TransactionStateData> Found) ListOfCore(
        Core owner,
        TransactionFilter filter
    )
    {
        List<ListTransactionsResponse.TransactionStateData> found = [];
        bool isLoading = false;
        foreach (TransactionShard shard in ShardFront<TransactionShard>.Of(owner))
        {
            isLoading |= shard.State == ShardState.Loading;
            if (shard.State == ShardState.Active)
            {
                found.AddRange(shard.Admin.List(filter));
            }
        }
        return (isLoading, found);
    }

    /// <summary>False: the pattern is no regular expression. It is matched in linear time, whatever it says.</summary>
    private static bool TryMakeFilter(
        ListTransactionsRequest request,
        out TransactionFilter filter,
        out List<string> unknown
    )
    {
        HashSet<string> states = [];
        unknown = [];
        foreach (string name in request.StateFilters)
        {
            if (Enum.TryParse(name, out TransactionState state) && state.ToString() == name)
            {
                states.Add(name);
            }
            else
            {
                unknown.Add(name);
            }
        }
        LinearRegex? pattern = null;
        if (
            !string.IsNullOrEmpty(request.TransactionalIdPattern)
            && (pattern = LinearRegex.Parse(request.TransactionalIdPattern, out _)) is null
        )
        {
            filter = new TransactionFilter(states, new HashSet<long>(), -1, null);
            return false;
        }
        filter = new TransactionFilter(states, request.ProducerIdFilters.ToHashSet(), request.DurationFilter, pattern);
        return true;
    }

    private Task<T> OnShardAsync<T>(
        Core from,
        string transactionalId,
        Func<TransactionShard, Task<T>> work,
        Func<ErrorCode, T> refuse
    ) =>
        transactionalId.Length == 0
            ? Task.FromResult(refuse(ErrorCode.InvalidRequest))
            : _shards.CallAsync(from, transactionalId, work, refuse);
}
