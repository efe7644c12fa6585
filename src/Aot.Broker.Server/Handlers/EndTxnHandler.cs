using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>EndTxn (26). From version 5 on it is transaction protocol 2, and the answer has the identity of the next transaction.</summary>
internal sealed class EndTxnHandler(ServerCore server, TransactionCoordinator transactions)
    : ControlHandler<EndTxnRequest, EndTxnResponse>(server, EndTxnRequest.TryRead)
{
    private const short FirstWithFenced = 2;
    private const short FirstBumping = 5;

    public override ApiKey Key => ApiKey.EndTxn;

    protected override async ValueTask<EndTxnResponse> HandleAsync(RequestContext context, EndTxnRequest request)
    {
        ProducerIdentity ended = await transactions.EndAsync(
            context.Core,
            new TransactionCaller(request.TransactionalId, request.ProducerId, request.ProducerEpoch),
            request.Committed,
            context.Version >= FirstBumping ? TransactionRules.EpochBumpingVersion : (short)0
        );
        bool isFencedUnknown = ended.Error == ErrorCode.ProducerFenced && context.Version < FirstWithFenced;
        return new EndTxnResponse
        {
            ErrorCode = (short)(isFencedUnknown ? ErrorCode.InvalidProducerEpoch : ended.Error),
            ProducerId = ended.ProducerId,
            ProducerEpoch = ended.ProducerEpoch,
        };
    }
}
