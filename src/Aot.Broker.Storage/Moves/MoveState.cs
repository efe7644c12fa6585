namespace Aot.Broker.Storage.Moves;

/// <summary>What a log knows of its own move to another log directory. Owner: the log's core.</summary>
internal sealed class MoveState
{
    private TaskCompletionSource? _ended;

    /// <summary>Where it moves to; null = it does not move.</summary>
    public LogDirectory? Target { get; private set; }

    /// <summary>The directory is being exchanged: batches stay in the queue, and no work on the log's files begins.</summary>
    public bool IsHeld { get; set; }

    /// <summary>Bytes of the copy.</summary>
    public long CopiedBytes { get; set; }

    /// <summary>All records below are in the copy.</summary>
    public long CopiedEndOffset { get; set; }

    public bool IsStopping { get; private set; }

    /// <summary>The log closes, and the next start goes on with the move: the copy's directory says that it was asked for.</summary>
    public bool KeepsFuture { get; private set; }

    public void Begin(LogDirectory target)
    {
        Target = target;
        IsStopping = false;
        KeepsFuture = false;
        CopiedBytes = 0;
        CopiedEndOffset = 0;
        _ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void End()
    {
        Target = null;
        _ended!.SetResult();
    }

    /// <summary>Ends a move that is under way; one that is exchanging directories completes first.</summary>
    public async ValueTask StopAsync(bool keepsFuture)
    {
        if (Target is not null)
        {
            IsStopping = true;
            KeepsFuture = keepsFuture;
            await _ended!.Task;
        }
    }
}

/// <summary>A move cannot go on: the disk refused something, and the log stays where it is.</summary>
internal sealed class MoveException(string what, string path, Linux.Errno error) : Exception($"{what} {path}: {error}")
{
    /// <summary>Which of the two directories a start would find is not known.</summary>
    public bool IsUndecided { get; init; }

    public static void Check(Linux.Errno error, string what, string path)
    {
        if (error != Linux.Errno.None)
        {
            throw new MoveException(what, path, error);
        }
    }
}
