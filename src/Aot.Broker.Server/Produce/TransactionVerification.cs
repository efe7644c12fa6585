using Aot.Broker.Base;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Produce;

/// <summary>
/// Asks the transaction coordinator before the first record of a transaction in a partition (KIP-890), and holds back what
/// the producer sends to the partition until the answer is there, in order. A partition that has the transaction open already
/// costs one look into the log's producers. Owned by the core of the logs.
/// </summary>
/// <remarks>
/// A produce of protocol 2 adds its partitions by this question; below that the producer has added them before, and a
/// partition that is not in the transaction is refused. All partitions of one request are asked about together.
/// </remarks>
internal sealed class TransactionVerification(Core core, TransactionCoordinator transactions)
{
    /// <summary>A batch that waits: it belongs to the share's request as long as the generation is the same.</summary>
    private readonly record struct Held(ProduceShare Share, int Index, int Generation, short Epoch);

    /// <summary>One question about one partition, and the batches that wait for its answer.</summary>
    private sealed class Question(PartitionLog log, TransactionalBatch asking)
    {
        public PartitionLog Log => log;

        public TransactionalBatch Asking => asking;

        public Queue<Held> Waiting { get; } = new();
    }

    private readonly Dictionary<(PartitionLog, long ProducerId), Question> _open = [];

    /// <summary>Of the request that is being appended now.</summary>
    private readonly List<Question> _unasked = [];

    /// <summary>True: the batch waits, and comes back through <see cref="ProduceShare.Resume"/>.</summary>
    [HotPath]
    public bool Holds(ProduceShare share, int index, int generation, PartitionLog log, in BatchSource batch)
    {
        bool isNew = log.Transactions.NeedsVerification(batch, out TransactionalBatch asking);
        if (_open.Count == 0 && !isNew)
        {
            return false;
        }
        return HoldsSlow(share, index, generation, log, asking, isNew);
    }

    /// <summary>Sends the questions that the share's batches raised.</summary>
    public void AskSlow(ProduceShare share)
    {
        while (_unasked.Count > 0)
        {
            TransactionalBatch first = _unasked[0].Asking;
            List<Question> together = _unasked.FindAll(question => IsSameProducer(question.Asking, first));
            _unasked.RemoveAll(question => IsSameProducer(question.Asking, first));
            TransactionCaller caller = new(share.TransactionalId!, first.ProducerId, first.ProducerEpoch);
            (bool isImplied, bool knowsAbortable) = (share.IsImplied, share.KnowsAbortable);
            core.Spawn(async _ => await AskAsync(caller, together, isImplied, knowsAbortable));
        }
    }

    private static bool IsSameProducer(in TransactionalBatch one, in TransactionalBatch other) =>
        one.ProducerId == other.ProducerId && one.ProducerEpoch == other.ProducerEpoch;

    private bool HoldsSlow(
        ProduceShare share,
        int index,
        int generation,
        PartitionLog log,
        in TransactionalBatch asking,
        bool isNew
    )
    {
        Held held = new(share, index, generation, asking.ProducerEpoch);
        if (_open.TryGetValue((log, asking.ProducerId), out Question? open))
        {
            open.Waiting.Enqueue(held);
            return true;
        }
        if (!isNew || !(share.IsImplied || log.Config.VerifiesTransactions))
        {
            return false;
        }
        log.Transactions.BeginVerification(asking, share.IsImplied, core.WallMillis);
        Question question = new(log, asking);
        question.Waiting.Enqueue(held);
        _open.Add((log, asking.ProducerId), question);
        _unasked.Add(question);
        return true;
    }

    private async Task AskAsync(TransactionCaller caller, List<Question> questions, bool isImplied, bool knowsAbortable)
    {
        TopicPartition[] partitions = [.. questions.Select(question => question.Log.Name)];
        PartitionErrors errors = isImplied
            ? PartitionErrors.All(partitions, await transactions.AddImpliedAsync(core, caller, partitions))
            : await transactions.VerifyAsync(core, caller, partitions);
        foreach (Question question in questions)
        {
            Answer(question, errors[question.Log.Name], knowsAbortable);
        }
    }

    private void Answer(Question question, ErrorCode error, bool knowsAbortable)
    {
        if (error == ErrorCode.None)
        {
            question.Log.Transactions.Confirm(question.Asking.ProducerId, question.Asking.ProducerEpoch);
        }
        _open.Remove((question.Log, question.Asking.ProducerId));
        (ErrorCode answer, string? message) = ForProducer(error, knowsAbortable);
        while (question.Waiting.TryDequeue(out Held held))
        {
            if (held.Epoch == question.Asking.ProducerEpoch)
            {
                held.Share.Resume(held.Index, held.Generation, answer, message);
            }
            else
            {
                // Of the producer's next life, which the coordinator was not asked about: it is now.
                held.Share.Resume(held.Index, held.Generation, ErrorCode.None, null);
            }
        }
    }

    /// <summary>
    /// Older clients do not retry what a coordinator answers for now; NOT_ENOUGH_REPLICAS they retry without asking for
    /// metadata first. A fenced producer is told by the code that produce requests have for it.
    /// </summary>
    private static (ErrorCode Error, string? Message) ForProducer(ErrorCode error, bool knowsAbortable) =>
        error switch
        {
            ErrorCode.None => (ErrorCode.None, null),
            ErrorCode.ProducerFenced => (ErrorCode.InvalidProducerEpoch, null),
            ErrorCode.TransactionAbortable when !knowsAbortable => (
                ErrorCode.InvalidTxnState,
                "Partition was not added to the transaction"
            ),
            ErrorCode.ConcurrentTransactions
            or ErrorCode.CoordinatorLoadInProgress
            or ErrorCode.CoordinatorNotAvailable
            or ErrorCode.NotCoordinator => (
                ErrorCode.NotEnoughReplicas,
                "Unable to verify the partition has been added to the transaction. Underlying error: " + error
            ),
            _ => (error, null),
        };
}
