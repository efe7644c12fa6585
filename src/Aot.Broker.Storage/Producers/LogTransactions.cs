using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage.Producers;

/// <summary>
/// Transactions as one partition sees them: their markers, and which of them the coordinator has to be asked about before
/// the first batch is appended.
/// </summary>
public sealed class LogTransactions
{
    private readonly PartitionLog _log;

    internal LogTransactions(PartitionLog log) => _log = log;

    /// <summary>
    /// Appends the COMMIT or ABORT of a transaction. <paramref name="bumpsEpoch"/>: the producer speaks transaction
    /// protocol 2, whose markers are one epoch above the records. INVALID_PRODUCER_EPOCH and
    /// TRANSACTION_COORDINATOR_FENCED: the marker is an old one, and the transaction that it meant is over.
    /// </summary>
    public AppendResult AppendMarker(
        bool commit,
        long producerId,
        short producerEpoch,
        int coordinatorEpoch,
        bool bumpsEpoch,
        long nowMillis
    )
    {
        if (_log.Producers.IsStaleMarker(producerId, producerEpoch, bumpsEpoch))
        {
            return AppendResult.Failed(ErrorCode.InvalidProducerEpoch, logStartOffset: _log.LogStartOffset);
        }
        byte[] batch = new byte[ControlBatch.EndTransactionMarkerBytes];
        ControlBatch.WriteEndTransactionMarker(batch, commit, producerId, producerEpoch, coordinatorEpoch, nowMillis);
        return _log.AppendCopy(batch, AppendOrigin.Coordinator, nowMillis);
    }

    /// <summary>
    /// Whether the batch begins a transaction here for which the coordinator has to be asked first. Bytes that are no
    /// batch are not: the append will say what is wrong with them.
    /// </summary>
    [HotPath]
    public unsafe bool NeedsVerification(in BatchSource batch, out TransactionalBatch identity)
    {
        // SAFETY: the caller keeps the bytes in place for this call, and nobody writes to a received batch before it is appended.
        ReadOnlySpan<byte> bytes = new((void*)batch.Address, batch.Length);
        if (!BatchHeader.TryRead(bytes, out BatchHeader header) || !header.IsTransactional || header.IsControl)
        {
            identity = default;
            return false;
        }
        identity = new TransactionalBatch(header.ProducerId, header.ProducerEpoch, header.BaseSequence);
        return NeedsVerification(header.ProducerId, header.ProducerEpoch);
    }

    /// <summary>As the other form, for a coordinator's own records.</summary>
    [HotPath]
    public bool NeedsVerification(long producerId, short producerEpoch) =>
        !_log.Producers.IsInTransaction(producerId, producerEpoch);

    /// <summary>Remembers that the coordinator is being asked; a sequence of -1 has none.</summary>
    public void BeginVerification(in TransactionalBatch identity, bool bumpsEpoch, long nowMillis) =>
        _log.Producers.Verifications.Begin(
            identity.ProducerId,
            identity.ProducerEpoch,
            identity.Sequence,
            bumpsEpoch,
            nowMillis
        );

    /// <summary>The coordinator has agreed; a marker that was written since the question takes it back.</summary>
    public void Confirm(long producerId, short producerEpoch) =>
        _log.Producers.Verifications.Confirm(producerId, producerEpoch);
}
