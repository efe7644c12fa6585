namespace Aot.Broker.Histories;

/// <summary>An invocation with what became of it.</summary>
/// <param name="Invocation">The line that began it; of a crash, its only one.</param>
/// <param name="Completion">Null: the history ended, or the process crashed, before there was one.</param>
internal sealed record CompletedOperation(Operation Invocation, Operation? Completion)
{
    public OperationType Outcome => Completion?.Type ?? OperationType.Info;

    /// <summary>As far as they are known.</summary>
    public IReadOnlyList<Step> Steps => Completion is { Steps.Count: > 0 } ? Completion.Steps : Invocation.Steps;

    public bool IsRebalanced => Invocation.IsRebalanced || Completion is { IsRebalanced: true };

    public string Name =>
        $"{Invocation.Function.ToString().ToLowerInvariant()} of process {Invocation.Process} at {Invocation.TimeNanos}";

    /// <summary>Pairs the lines of a history, in the order of their completions; those without one come last.</summary>
    /// <exception cref="FormatException">A process did two things at once, or completed what it did not begin.</exception>
    public static List<CompletedOperation> Pair(IEnumerable<Operation> history)
    {
        List<CompletedOperation> paired = [];
        Dictionary<string, Operation> underWay = [];
        foreach (Operation operation in history)
        {
            bool isBusy = underWay.Remove(operation.Process, out Operation? invocation);
            if (operation.Function == OperationFunction.Crash)
            {
                if (isBusy)
                {
                    paired.Add(new CompletedOperation(invocation!, null));
                }
                paired.Add(new CompletedOperation(operation, operation));
            }
            else if (operation.Type == OperationType.Invoke)
            {
                if (isBusy)
                {
                    throw new FormatException(
                        $"process {operation.Process} begins something at {operation.TimeNanos} before the end of what it began at {invocation!.TimeNanos}"
                    );
                }
                underWay.Add(operation.Process, operation);
            }
            else if (!isBusy || invocation!.Function != operation.Function)
            {
                throw new FormatException(
                    $"process {operation.Process} completes a {operation.Function} at {operation.TimeNanos} that it did not begin"
                );
            }
            else
            {
                paired.Add(new CompletedOperation(invocation, operation));
            }
        }
        paired.AddRange(underWay.Values.Select(invocation => new CompletedOperation(invocation, null)));
        return paired;
    }
}
