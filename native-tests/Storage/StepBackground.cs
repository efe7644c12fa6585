using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Tests;

/// <summary>Background jobs run between turns, in order.</summary>
internal sealed class StepBackground : BackgroundPool
{
    private readonly Queue<(Core Core, IBackgroundJob Job)> _jobs = new();

    public int Pending => _jobs.Count;

    public override void Run(Core core, IBackgroundJob job) => _jobs.Enqueue((core, job));

    public bool RunOne()
    {
        if (!_jobs.TryDequeue(out (Core Core, IBackgroundJob Job) next))
        {
            return false;
        }
        next.Job.Run();
        PostDone(next.Core, next.Job);
        return true;
    }

    public override void Dispose() => _jobs.Clear();
}
