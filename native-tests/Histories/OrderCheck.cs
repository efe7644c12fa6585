namespace Aot.Broker.Histories;

/// <summary>
/// The order in which each process sees offsets: its polls of a partition go forward and leave nothing out, its sends to a
/// partition get ever larger offsets.
/// </summary>
/// <remarks>
/// A position is forgotten by an assignment, a subscription, a crash, and a change of partitions in the group. A
/// transaction that was aborted puts its consumer back to where it was before; after one whose end is not known, the
/// position is not known either.
/// </remarks>
internal sealed class OrderCheck(
    IReadOnlyDictionary<string, PartitionHistory> partitions,
    HistoryOptions options,
    List<HistoryError> errors
)
{
    private readonly Dictionary<string, Dictionary<string, (long Offset, string Where)>> _polled = [];
    private readonly Dictionary<string, Dictionary<string, (long Offset, string Where)>> _sent = [];

    public void Run(IEnumerable<CompletedOperation> operations)
    {
        foreach (CompletedOperation operation in operations)
        {
            string process = operation.Invocation.Process;
            switch (operation.Invocation.Function)
            {
                case OperationFunction.Assign or OperationFunction.Subscribe or OperationFunction.Crash:
                    _polled.Remove(process);
                    break;
                default:
                    CheckPolls(operation, PositionsOf(_polled, process));
                    CheckSends(operation, PositionsOf(_sent, process));
                    break;
            }
        }
    }

    private static Dictionary<string, (long, string)> PositionsOf(
        Dictionary<string, Dictionary<string, (long, string)>> all,
        string process
    )
    {
        if (!all.TryGetValue(process, out Dictionary<string, (long, string)>? positions))
        {
            all.Add(process, positions = []);
        }
        return positions;
    }

    private void CheckPolls(CompletedOperation operation, Dictionary<string, (long Offset, string Where)> before)
    {
        if (operation.IsRebalanced)
        {
            before.Clear();
        }
        Dictionary<string, (long Offset, string Where)> inside = [];
        bool isKnown = true;
        foreach (PollStep poll in operation.Steps.OfType<PollStep>())
        {
            isKnown &= poll.Values is not null;
            foreach ((string key, IReadOnlyList<PolledValue> values) in poll.Values ?? NoValues)
            {
                foreach (PolledValue polled in values)
                {
                    if (inside.TryGetValue(key, out (long Offset, string Where) last) && !operation.IsRebalanced)
                    {
                        CheckNext(key, last, polled, operation, isInternal: true);
                    }
                    else if (!inside.ContainsKey(key) && before.TryGetValue(key, out last))
                    {
                        CheckNext(key, last, polled, operation, isInternal: false);
                    }
                    inside[key] = (polled.Offset, operation.Name);
                }
            }
        }
        if (operation.Outcome == OperationType.Info && !isKnown)
        {
            before.Clear();
        }
        foreach ((string key, (long, string) last) in inside)
        {
            if (operation.Outcome == OperationType.Ok)
            {
                before[key] = last;
            }
            else if (operation.Outcome == OperationType.Info)
            {
                before.Remove(key);
            }
        }
    }

    private void CheckNext(
        string key,
        (long Offset, string Where) last,
        PolledValue next,
        CompletedOperation operation,
        bool isInternal
    )
    {
        if (next.Offset <= last.Offset)
        {
            Add(
                isInternal ? HistoryErrorType.InternalNonMonotonicPoll : HistoryErrorType.NonMonotonicPoll,
                key,
                $"{operation.Name} got {next.Value} at {next.Offset} behind {last.Offset} of {last.Where}"
            );
            return;
        }
        long skipped = partitions[key].FirstVisibleBetween(last.Offset, next.Offset);
        if (skipped >= 0)
        {
            Add(
                isInternal ? HistoryErrorType.InternalPollSkip : HistoryErrorType.PollSkip,
                key,
                $"{operation.Name} got {next.Value} at {next.Offset} behind {last.Offset} of {last.Where}, without {string.Join(", ", partitions[key].ValuesAt[skipped])} at {skipped}"
            );
        }
    }

    private void CheckSends(CompletedOperation operation, Dictionary<string, (long Offset, string Where)> before)
    {
        if (!options.IsIdempotent)
        {
            return;
        }
        Dictionary<string, (long Offset, string Where)> inside = [];
        foreach (SendStep send in operation.Steps.OfType<SendStep>())
        {
            if (send.Offset is not { } offset)
            {
                continue;
            }
            bool isInternal = inside.TryGetValue(send.Key, out (long Offset, string Where) last);
            bool isLater =
                isInternal || (operation.Outcome == OperationType.Ok && before.TryGetValue(send.Key, out last));
            if (isLater && offset <= last.Offset)
            {
                Add(
                    isInternal ? HistoryErrorType.InternalNonMonotonicSend : HistoryErrorType.NonMonotonicSend,
                    send.Key,
                    $"{operation.Name} sent {send.Value} to {offset}, behind {last.Offset} of {last.Where}"
                );
            }
            inside[send.Key] = (offset, operation.Name);
        }
        if (operation.Outcome == OperationType.Ok)
        {
            foreach ((string key, (long, string) last) in inside)
            {
                before[key] = last;
            }
        }
    }

    private void Add(HistoryErrorType type, string key, string message) =>
        errors.Add(new HistoryError(type, key, message));

    private static readonly Dictionary<string, IReadOnlyList<PolledValue>> NoValues = [];
}
