namespace Aot.Broker.Reactor;

/// <summary>
/// One control-plane call from a core to another: travels there as mail, runs, and travels back with its result, so
/// that the caller's task completes on the caller's core.
/// </summary>
internal sealed class CrossCall<T>(Func<Core, ValueTask<T>> work) : IMailTarget
{
    private const int Run = 0;
    private const int Answer = 1;

    private readonly TaskCompletionSource<T> _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;
    private Exception? _error;

    public Task<T> Start(Core from, Core target)
    {
        from.Post(target.Index, new Mail { Target = this, Kind = Run });
        return _answered.Task;
    }

    /// <summary>From a thread that is no core: the task completes on the target's core.</summary>
    public Task<T> StartFromThread(Core target)
    {
        target.PostFromThread(new Mail { Target = this, Kind = Run });
        return _answered.Task;
    }

    void IMailTarget.Receive(Core core, in Mail mail)
    {
        if (mail.Kind == Answer)
        {
            Complete();
            return;
        }
        _ = RunAsync(core, mail.From.Value);
    }

    private async Task RunAsync(Core core, int from)
    {
        try
        {
            _result = await work(core);
        }
        catch (Exception error)
        {
            _error = error;
        }
        if (from < 0)
        {
            Complete();
            return;
        }
        core.Post(new Base.CoreIndex(from), new Mail { Target = this, Kind = Answer });
    }

    private void Complete()
    {
        if (_error is not null)
        {
            _answered.SetException(_error);
            return;
        }
        _answered.SetResult(_result!);
    }
}

/// <summary>A blocking function on the background pool, awaited on a core.</summary>
internal sealed class BackgroundCall<T>(Func<T> work) : IBackgroundJob
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;
    private Exception? _error;

    public Task<T> Task => _done.Task;

    public void Run()
    {
        try
        {
            _result = work();
        }
        catch (Exception error)
        {
            _error = error;
        }
    }

    public void Done(Core core)
    {
        if (_error is not null)
        {
            _done.SetException(_error);
            return;
        }
        _done.SetResult(_result!);
    }
}

/// <summary>A task that the timing wheel completes.</summary>
internal sealed class Delay : ITimerTarget
{
    private readonly TaskCompletionSource _passed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Task => _passed.Task;

    public void OnTimer(long token) => _passed.SetResult();
}
