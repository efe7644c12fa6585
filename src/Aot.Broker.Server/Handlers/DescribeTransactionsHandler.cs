using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeTransactions (65).</summary>
internal sealed class DescribeTransactionsHandler(ServerCore server, TransactionCoordinator transactions)
    : ControlHandler<DescribeTransactionsRequest, DescribeTransactionsResponse>(
        server,
        DescribeTransactionsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.DescribeTransactions;

    protected override async ValueTask<DescribeTransactionsResponse> HandleAsync(
        RequestContext context,
        DescribeTransactionsRequest request
    ) => await transactions.DescribeAsync(context.Core, request);
}
