using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// InitProducerId (22) for idempotent producers: ids come from blocks that the controller hands out, one block per core at a
/// time. Transactional producers belong to their coordinator, which this broker does not have.
/// </summary>
internal sealed class InitProducerIdHandler(ServerCore server)
    : ControlHandler<InitProducerIdRequest, InitProducerIdResponse>(server, InitProducerIdRequest.TryRead)
{
    private long _next;
    private long _end;
    private Task? _allocating;

    public override ApiKey Key => ApiKey.InitProducerId;

    protected override async ValueTask<InitProducerIdResponse> HandleAsync(
        RequestContext context,
        InitProducerIdRequest request
    )
    {
        if (request.TransactionalId is { } transactionalId)
        {
            return Refuse(transactionalId.Length == 0 ? ErrorCode.InvalidRequest : ErrorCode.CoordinatorNotAvailable);
        }
        // Several requests may wait for the same block; whoever finds it used up again asks for the next.
        while (_next == _end)
        {
            await (_allocating ??= AllocateAsync());
        }
        return new InitProducerIdResponse { ProducerId = _next++, ProducerEpoch = 0 };
    }

    private async Task AllocateAsync()
    {
        try
        {
            (long first, int count) = await Server.Server.Controller.AllocateProducerIdsAsync(Server.Core);
            _next = first;
            _end = first + count;
        }
        finally
        {
            _allocating = null;
        }
    }

    private static InitProducerIdResponse Refuse(ErrorCode error) =>
        new()
        {
            ErrorCode = (short)error,
            ProducerId = -1,
            ProducerEpoch = -1,
        };
}
