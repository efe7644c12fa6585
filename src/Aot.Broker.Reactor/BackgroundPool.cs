namespace Aot.Broker.Reactor;

/// <summary>Work that may block. The object carries its own result from <see cref="Run"/> to <see cref="Done"/>.</summary>
public interface IBackgroundJob
{
    /// <summary>On a helper thread. Must not throw, and touches nothing that a core owns.</summary>
    void Run();

    /// <summary>Afterwards, on the core that asked.</summary>
    void Done(Core core);
}

/// <summary>
/// Runs blocking work away from the cores. The simulator's pool runs a job as an event of its own queue, so that code
/// which uses this stays deterministic there.
/// </summary>
public abstract class BackgroundPool : IDisposable
{
    /// <summary>Queues the job; <see cref="IBackgroundJob.Done"/> comes by mail to <paramref name="core"/>.</summary>
    public abstract void Run(Core core, IBackgroundJob job);

    /// <summary>Lets running jobs end; jobs that have not begun are dropped.</summary>
    public abstract void Dispose();

    /// <summary>Delivers the end of a job. Called by an implementation from any thread.</summary>
    protected static void PostDone(Core core, IBackgroundJob job) =>
        core.PostFromThread(new Mail { Target = JobDone.Instance, State = job });

    private sealed class JobDone : IMailTarget
    {
        public static readonly JobDone Instance = new();

        public void Receive(Core core, in Mail mail) => ((IBackgroundJob)mail.State!).Done(core);
    }
}
