using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>ListTransactions (66).</summary>
internal sealed class ListTransactionsHandler(ServerCore server, TransactionCoordinator transactions)
    : ControlHandler<ListTransactionsRequest, ListTransactionsResponse>(server, ListTransactionsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.ListTransactions;

    protected override async ValueTask<ListTransactionsResponse> HandleAsync(
        RequestContext context,
        ListTransactionsRequest request
    ) => await transactions.ListAsync(context.Core, request);
}
