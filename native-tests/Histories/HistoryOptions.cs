namespace Aot.Broker.Histories;

/// <summary>What the clients of a history were told to do, as far as it decides what is an error.</summary>
public sealed record HistoryOptions
{
    /// <summary>Consumers read committed data only; false: values of aborted transactions may be polled.</summary>
    public bool ReadsCommitted { get; init; } = true;

    /// <summary>The history ends with polls up to the end of every partition: what is unseen then is an error.</summary>
    public bool EndsWithFinalPolls { get; init; } = true;

    /// <summary>
    /// Producers send again what had no answer, with their sequence numbers; false: a value may be there twice, and one send
    /// may pass another.
    /// </summary>
    public bool IsIdempotent { get; init; } = true;
}
