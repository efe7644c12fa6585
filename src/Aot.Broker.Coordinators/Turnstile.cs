namespace Aot.Broker.Coordinators;

/// <summary>
/// Lets async work of one core through one at a time, in the order of arrival: what reads a state and appends what follows
/// from it must not be overtaken between the two.
/// </summary>
internal sealed class Turnstile
{
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private bool _isTaken;

    /// <summary>Nobody is inside and nobody waits.</summary>
    public bool IsFree => !_isTaken;

    public Task EnterAsync()
    {
        if (!_isTaken)
        {
            _isTaken = true;
            return Task.CompletedTask;
        }
        TaskCompletionSource turn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting.Enqueue(turn);
        return turn.Task;
    }

    public void Leave()
    {
        if (_waiting.TryDequeue(out TaskCompletionSource? next))
        {
            next.SetResult();
            return;
        }
        _isTaken = false;
    }
}
