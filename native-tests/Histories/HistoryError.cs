namespace Aot.Broker.Histories;

/// <summary>What is wrong in a history. The names are those of Jepsen's workload for Kafka.</summary>
public enum HistoryErrorType
{
    /// <summary>A value was acknowledged, somebody polled one at or behind its offset, and nobody ever polled it.</summary>
    LostWrite,

    /// <summary>A value is at more than one offset of a partition, or in more than one partition.</summary>
    Duplicate,

    /// <summary>An offset has more than one value.</summary>
    InconsistentOffsets,

    /// <summary>A consumer of committed data polled a value of a transaction that was aborted, or of a send that failed.</summary>
    AbortedRead,

    /// <summary>A value was polled that nobody ever sent there.</summary>
    PhantomRead,

    /// <summary>Between two polls of a process there is a value that it did not get.</summary>
    PollSkip,

    /// <summary>As PollSkip, within one operation.</summary>
    InternalPollSkip,

    /// <summary>A process polled at, or before, an offset that it had polled before.</summary>
    NonMonotonicPoll,

    /// <summary>As NonMonotonicPoll, within one operation.</summary>
    InternalNonMonotonicPoll,

    /// <summary>A later send of a process to a partition has a smaller offset than an earlier one.</summary>
    NonMonotonicSend,

    /// <summary>As NonMonotonicSend, within one operation.</summary>
    InternalNonMonotonicSend,

    /// <summary>A value was acknowledged, and nobody had polled it when the history ended.</summary>
    Unseen,
}

/// <summary>One thing that is wrong.</summary>
/// <param name="Type">Of which kind it is.</param>
/// <param name="Key">The partition.</param>
/// <param name="Message">For people: values, offsets, processes, times.</param>
public sealed record HistoryError(HistoryErrorType Type, string Key, string Message)
{
    public override string ToString() => $"{Type} in {Key}: {Message}";
}
