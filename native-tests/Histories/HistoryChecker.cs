namespace Aot.Broker.Histories;

/// <summary>
/// Finds what no broker may do in a history of sends, polls and transactions: the error types of Jepsen's workload for
/// Kafka (see <see cref="HistoryErrorType"/>). It knows nothing of how a broker works, only what its clients were told.
/// </summary>
/// <remarks>
/// The log of a partition is put together from all offsets that clients were told, by acknowledgements and by polls. A
/// write counts as lost only when it lies below something that was polled, since a consumer may not have come that far;
/// what was acknowledged above is <see cref="HistoryErrorType.Unseen"/>. Topics that are compacted, or lose records to
/// retention, are not for this checker.
/// </remarks>
public sealed class HistoryChecker
{
    private readonly HistoryOptions _options;
    private readonly List<CompletedOperation> _operations;
    private readonly Dictionary<string, PartitionHistory> _partitions = [];
    private readonly Dictionary<string, Writer> _writers = [];
    private readonly List<HistoryError> _errors = [];

    /// <summary>Who sent a value where, and what became of that.</summary>
    private sealed record Writer(string Key, CompletedOperation Operation, long? Offset)
    {
        public OperationType Outcome => Operation.Outcome;
    }

    private HistoryChecker(IEnumerable<Operation> history, HistoryOptions options)
    {
        _options = options;
        _operations = CompletedOperation.Pair(history);
    }

    /// <exception cref="FormatException">It is no history: see <see cref="HistoryFile"/>, whose rules hold here as well.</exception>
    public static HistoryReport Check(IEnumerable<Operation> history, HistoryOptions? options = null) =>
        new HistoryChecker(history, options ?? new HistoryOptions()).Run();

    private HistoryReport Run()
    {
        foreach (CompletedOperation operation in _operations)
        {
            TakeIn(operation);
        }
        foreach (PartitionHistory partition in _partitions.Values)
        {
            partition.SetVisible(value => IsCommitted(value) || partition.Polled.Contains(value));
        }
        foreach ((string key, PartitionHistory partition) in _partitions)
        {
            CheckPlaces(key, partition);
            CheckPolled(key, partition);
        }
        CheckWriters();
        new OrderCheck(_partitions, _options, _errors).Run(_operations);
        return new HistoryReport(
            [.. _errors.OrderBy(error => error.Type)],
            _writers.Count,
            _writers.Values.Count(writer => writer.Outcome == OperationType.Ok),
            _partitions.Values.Sum(partition => partition.Polled.Count)
        );
    }

    private void TakeIn(CompletedOperation operation)
    {
        foreach (Step step in operation.Steps)
        {
            if (step is SendStep send)
            {
                TakeInSend(operation, send);
            }
            foreach ((string key, IReadOnlyList<PolledValue> values) in (step as PollStep)?.Values ?? s_nothing)
            {
                foreach (PolledValue polled in values)
                {
                    PartitionOf(key).AddPolled(polled.Offset, polled.Value);
                }
            }
        }
    }

    private void TakeInSend(CompletedOperation operation, SendStep send)
    {
        if (!_writers.TryAdd(send.Value, new Writer(send.Key, operation, send.Offset)))
        {
            throw new FormatException(
                $"value {send.Value} is sent twice, by a {_writers[send.Value].Operation.Name} and by a {operation.Name}"
            );
        }
        PartitionHistory partition = PartitionOf(send.Key);
        if (operation.Outcome == OperationType.Ok && send.Offset is { } offset)
        {
            partition.Add(offset, send.Value);
        }
    }

    private PartitionHistory PartitionOf(string key)
    {
        if (!_partitions.TryGetValue(key, out PartitionHistory? partition))
        {
            _partitions.Add(key, partition = new PartitionHistory());
        }
        return partition;
    }

    private bool IsCommitted(string value) =>
        _writers.TryGetValue(value, out Writer? writer) && writer.Outcome == OperationType.Ok;

    private void CheckPlaces(string key, PartitionHistory partition)
    {
        foreach ((string value, SortedSet<long> offsets) in partition.OffsetsOf)
        {
            if (offsets.Count > 1 && _options.IsIdempotent)
            {
                Add(HistoryErrorType.Duplicate, key, $"{value} is at {string.Join(", ", offsets)}");
            }
        }
        foreach ((long offset, SortedSet<string> values) in partition.ValuesAt)
        {
            if (values.Count > 1)
            {
                Add(HistoryErrorType.InconsistentOffsets, key, $"{offset} has {string.Join(", ", values)}");
            }
        }
    }

    private void CheckPolled(string key, PartitionHistory partition)
    {
        foreach (string value in partition.Polled)
        {
            if (!_writers.TryGetValue(value, out Writer? writer))
            {
                Add(HistoryErrorType.PhantomRead, key, $"{value} was polled and never sent");
            }
            else if (writer.Key != key)
            {
                Add(HistoryErrorType.PhantomRead, key, $"{value} was polled here and sent to {writer.Key}");
            }
            else if (writer.Outcome == OperationType.Fail && _options.ReadsCommitted)
            {
                Add(
                    HistoryErrorType.AbortedRead,
                    key,
                    $"{value} was polled at {partition.OffsetsOf[value].Min}, and its {writer.Operation.Name} failed"
                );
            }
        }
    }

    private void CheckWriters()
    {
        foreach ((string value, Writer writer) in _writers)
        {
            PartitionHistory partition = _partitions[writer.Key];
            if (writer.Outcome != OperationType.Ok || partition.Polled.Contains(value))
            {
                continue;
            }
            if (writer.Offset is { } offset && offset <= partition.LastPolled)
            {
                Add(
                    HistoryErrorType.LostWrite,
                    writer.Key,
                    $"{value} was acknowledged at {offset} to a {writer.Operation.Name} and never polled, while {partition.LastPolled} was"
                );
            }
            else if (_options.EndsWithFinalPolls)
            {
                Add(
                    HistoryErrorType.Unseen,
                    writer.Key,
                    $"{value} was acknowledged at {(writer.Offset?.ToString() ?? "an unknown offset")} to a {writer.Operation.Name} and never polled"
                );
            }
        }
    }

    private void Add(HistoryErrorType type, string key, string message) =>
        _errors.Add(new HistoryError(type, key, message));

    private static readonly Dictionary<string, IReadOnlyList<PolledValue>> s_nothing = [];
}
