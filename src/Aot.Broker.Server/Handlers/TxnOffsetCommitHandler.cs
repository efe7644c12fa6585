using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>TxnOffsetCommit (28).</summary>
internal sealed class TxnOffsetCommitHandler(
    ServerCore server,
    GroupCoordinator groups,
    TransactionCoordinator transactions
) : ControlHandler<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(server, TxnOffsetCommitRequest.TryRead)
{
    public override ApiKey Key => ApiKey.TxnOffsetCommit;

    protected override async ValueTask<TxnOffsetCommitResponse> HandleAsync(
        RequestContext context,
        TxnOffsetCommitRequest request
    ) => await groups.TxnOffsetCommitAsync(context.Core, context.Caller, request, transactions);
}
