namespace Aot.Broker.Histories;

/// <summary>How far an operation is, or what became of it.</summary>
public enum OperationType
{
    /// <summary>It begins. What it asks for is in its value.</summary>
    Invoke,

    /// <summary>It happened. A transaction: it was committed.</summary>
    Ok,

    /// <summary>It did not happen and never will: refused, or a transaction that was aborted.</summary>
    Fail,

    /// <summary>Nobody knows: a time-out, a lost connection, a commit without an answer.</summary>
    Info,
}

/// <summary>What an operation does.</summary>
public enum OperationFunction
{
    /// <summary>Sends values, outside of a transaction.</summary>
    Send,

    /// <summary>One poll of a consumer.</summary>
    Poll,

    /// <summary>Sends and polls in one transaction.</summary>
    Txn,

    /// <summary>The consumer reads these partitions from now on, from wherever its program wants: positions begin anew.</summary>
    Assign,

    /// <summary>The consumer is in a group with these topics from now on: positions begin anew.</summary>
    Subscribe,

    /// <summary>The client is gone and its process begins anew, knowing nothing.</summary>
    Crash,
}

/// <summary>One step of an operation.</summary>
public abstract record Step;

/// <summary>A value goes to a partition. Each value is sent once in a history, over all keys and processes of it.</summary>
/// <param name="Key">The partition, as "topic-number".</param>
/// <param name="Value">What is in the record.</param>
/// <param name="Offset">Where it was acknowledged; null: not known.</param>
public sealed record SendStep(string Key, string Value, long? Offset = null) : Step;

/// <summary>What a poll returned, per partition in the order of the records; null at an invocation.</summary>
public sealed record PollStep(IReadOnlyDictionary<string, IReadOnlyList<PolledValue>>? Values = null) : Step;

/// <summary>A record as a consumer saw it.</summary>
public readonly record struct PolledValue(long Offset, string Value);

/// <summary>One line of a history: an invocation, or the completion of the last invocation of its process.</summary>
public sealed record Operation
{
    /// <summary>A client that does one thing after the other.</summary>
    public required string Process { get; init; }

    public required OperationType Type { get; init; }

    public required OperationFunction Function { get; init; }

    /// <summary>Of Send, Poll and Txn.</summary>
    public IReadOnlyList<Step> Steps { get; init; } = [];

    /// <summary>Of Assign (partitions) and Subscribe (topics).</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>
    /// The group gave the consumer other partitions before or during this operation: what it polled before says nothing
    /// about what it polls from here on.
    /// </summary>
    public bool IsRebalanced { get; init; }

    /// <summary>Nanoseconds since some moment that is the same for the whole history.</summary>
    public long TimeNanos { get; init; }
}
