using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Bench.Rig;

/// <summary>A core without a thread, over the kernel's files. The benchmark's thread is its thread.</summary>
internal sealed class SteppedCore : IDisposable
{
    private readonly HelperThreads _helpers = new(threads: 1, "helper");
    private readonly CoreGroup _group;

    public SteppedCore()
    {
        LinuxPlatform.CheckLayouts();
        _group = CoreGroup.CreateStepped(
            new CoreGroupOptions { Disk = Disk, InFlightBytesMax = 64 * 1024 * 1024 },
            [Io],
            _helpers
        );
    }

    public LinuxDisk Disk { get; } = new();

    public IdleIo Io { get; } = new();

    public Core Core => _group.Cores[0];

    /// <summary>Runs control-plane code on the core to its end. Set-up and tear-down only.</summary>
    public T Do<T>(Func<Core, ValueTask<T>> work)
    {
        Task<T> task = Core.RunFromThreadAsync(work);
        SpinWait wait = default;
        while (!task.IsCompleted)
        {
            Core.RunTurn();
            wait.SpinOnce();
        }
        return task.GetAwaiter().GetResult();
    }

    public void Do(Func<Core, ValueTask> work) =>
        Do(async core =>
        {
            await work(core);
            return true;
        });

    public void Dispose()
    {
        _helpers.Dispose();
        _group.Dispose();
        Core.Buffers.AssertNothingLeaked();
    }
}
