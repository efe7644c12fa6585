using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Perf.Client;
using Aot.Perf.Records;

namespace Aot.Perf.Loads;

/// <summary>
/// The id, epoch and sequences of an idempotent producer, and its transactions by the second version of the protocol (KIP-890):
/// partitions join with their first batch, and every commit brings a new epoch. Calls wait on a connection of their own.
/// </summary>
internal sealed class ProducerIdentity
{
    private const int TransactionLimitMs = 60_000;

    private readonly Caller _caller;
    private readonly string? _transactionalId;
    private readonly int[] _sequences;
    private long _producerId;
    private short _epoch;

    public ProducerIdentity(InetEndpoint broker, string? transactionalId, int partitions)
    {
        _caller = new Caller(broker);
        _transactionalId = transactionalId;
        _sequences = new int[partitions];
        long limit = EventLoop.Now + (TransactionLimitMs * 1_000_000L);
        while (true)
        {
            InitProducerIdResponse answer = _caller.Call<InitProducerIdResponse>(
                ApiKey.InitProducerId,
                5,
                new InitProducerIdRequest
                {
                    TransactionalId = transactionalId,
                    TransactionTimeoutMs = TransactionLimitMs,
                    ProducerId = -1,
                    ProducerEpoch = -1,
                },
                InitProducerIdResponse.TryRead
            );
            // The coordinator's topic is made by the first who asks for it.
            if (IsForLater((ErrorCode)answer.ErrorCode) && EventLoop.Now < limit)
            {
                AskForCoordinator();
                continue;
            }
            Topics.Check(answer.ErrorCode, "InitProducerId");
            _producerId = answer.ProducerId;
            _epoch = answer.ProducerEpoch;
            return;
        }
    }

    public void Stamp(Span<byte> batch, int partition, int records)
    {
        BatchTemplate.SetProducer(batch, _producerId, _epoch, _sequences[partition]);
        _sequences[partition] = (int)((_sequences[partition] + (long)records) & int.MaxValue);
    }

    public void Commit()
    {
        while (true)
        {
            EndTxnResponse answer = _caller.Call<EndTxnResponse>(
                ApiKey.EndTxn,
                5,
                new EndTxnRequest
                {
                    TransactionalId = _transactionalId!,
                    ProducerId = _producerId,
                    ProducerEpoch = _epoch,
                    Committed = true,
                },
                EndTxnResponse.TryRead
            );
            if (IsForLater((ErrorCode)answer.ErrorCode))
            {
                continue;
            }
            Topics.Check(answer.ErrorCode, "EndTxn");
            _producerId = answer.ProducerId;
            _epoch = answer.ProducerEpoch;
            _sequences.AsSpan().Clear();
            return;
        }
    }

    private static bool IsForLater(ErrorCode error) =>
        error
            is ErrorCode.CoordinatorNotAvailable
                or ErrorCode.NotCoordinator
                or ErrorCode.CoordinatorLoadInProgress
                or ErrorCode.ConcurrentTransactions;

    private void AskForCoordinator() =>
        _caller.Call<FindCoordinatorResponse>(
            ApiKey.FindCoordinator,
            4,
            new FindCoordinatorRequest { KeyType = 1, CoordinatorKeys = [_transactionalId ?? ""] },
            FindCoordinatorResponse.TryRead
        );
}
