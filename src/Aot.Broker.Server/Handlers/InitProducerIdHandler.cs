using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>InitProducerId (22): without a transactional id simply a new id; with one, what the coordinator decides.</summary>
internal sealed class InitProducerIdHandler(ServerCore server)
    : ControlHandler<InitProducerIdRequest, InitProducerIdResponse>(server, InitProducerIdRequest.TryRead)
{
    private const short FirstWithFenced = 4;

    public override ApiKey Key => ApiKey.InitProducerId;

    protected override async ValueTask<InitProducerIdResponse> HandleAsync(
        RequestContext context,
        InitProducerIdRequest request
    )
    {
        ProducerIdentity identity = await InitializeAsync(context, request);
        bool isFencedUnknown = identity.Error == ErrorCode.ProducerFenced && context.Version < FirstWithFenced;
        return new InitProducerIdResponse
        {
            ErrorCode = (short)(isFencedUnknown ? ErrorCode.InvalidProducerEpoch : identity.Error),
            ProducerId = identity.ProducerId,
            ProducerEpoch = identity.ProducerEpoch,
        };
    }

    private async Task<ProducerIdentity> InitializeAsync(RequestContext context, InitProducerIdRequest request)
    {
        // Half an identity is none.
        if (request.ProducerId >= 0 != request.ProducerEpoch >= 0)
        {
            return ProducerIdentity.Refuse(ErrorCode.InvalidRequest);
        }
        if (request.TransactionalId is null)
        {
            long id = await Server.Core.Get<ProducerIds>().NextAsync();
            return id < 0
                ? ProducerIdentity.Refuse(ErrorCode.KafkaStorageError)
                : new ProducerIdentity(ErrorCode.None, id, 0);
        }
        return Server.Server.Transactions is { } transactions
            ? await transactions.InitializeAsync(context.Core, request)
            : ProducerIdentity.Refuse(ErrorCode.CoordinatorNotAvailable);
    }
}
