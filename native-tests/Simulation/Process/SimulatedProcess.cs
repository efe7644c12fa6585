using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Reactor;

namespace Aot.Broker.Simulation.Tests;

/// <summary>How a process of a world is made.</summary>
internal sealed record ProcessOptions
{
    public int Cores { get; init; } = 2;

    public long BufferBytesPerCore { get; init; } = 64 * 1024 * 1024;

    public long InFlightBytesMax { get; init; } = 32 * 1024 * 1024;
}

/// <summary>What an end does to the machine.</summary>
internal enum ProcessEnd
{
    /// <summary>The process is gone; the kernel and its page cache are not.</summary>
    Kill,

    /// <summary>Everything is gone that was not on the device.</summary>
    PowerLoss,
}

/// <summary>Thrown out of a system call of a process that came to its end in it. Nothing of the process runs after that.</summary>
internal sealed class ProcessEnded : Exception;

/// <summary>Something that a process has open under a number.</summary>
internal interface IDescriptor
{
    void OnClosed();
}

/// <summary>
/// One life of a broker process: cores that the world steps, descriptors, a background pool. It ends at a point that
/// the seed chose, in the middle of a system call or between two events, and another takes its place.
/// </summary>
internal sealed class SimulatedProcess : IDisposable
{
    private readonly World _world;
    private readonly SimulatedIo[] _ios;
    private readonly CoreGroup _group;
    private readonly SortedDictionary<int, IDescriptor> _descriptors = [];
    private int _nextDescriptor = 3;
    private long _faultIn = -1;
    private ProcessEnd _faultKind;

    public SimulatedProcess(World world, ProcessOptions options)
    {
        _world = world;
        world.Device.OnProcessStarts();
        _ios = new SimulatedIo[options.Cores];
        for (int i = 0; i < _ios.Length; i++)
        {
            _ios[i] = new SimulatedIo(world, this, i);
        }
        Disk = new SimulatedDisk(world, this);
        CoreGroupOptions groupOptions = new()
        {
            Cores = options.Cores,
            Disk = Disk,
            InFlightBytesMax = options.InFlightBytesMax,
            BufferBytesPerCore = options.BufferBytesPerCore,
            BufferChecks = BufferChecks.PoisonAndGuard,
            OnUnhandled = OnUnhandled,
        };
        _group = CoreGroup.CreateStepped(groupOptions, _ios, new SimulatedBackground(world, this));
        world.Note("process starts", options.Cores);
    }

    public SimulatedDisk Disk { get; }

    public IReadOnlyList<Core> Cores => _group.Cores;

    public bool HasEnded { get; private set; }

    public int OpenDescriptors => _descriptors.Count;

    public string DescribeDescriptors() => string.Join(", ", _descriptors.Select(d => $"{d.Key} = {d.Value}"));

    /// <summary>Called when the process has ended, with how.</summary>
    public Action<ProcessEnd>? OnEnded { get; set; }

    /// <summary>Lets the process end in its n-th system call from now that can have an effect.</summary>
    public void EndInCall(long calls, ProcessEnd kind)
    {
        _faultIn = calls;
        _faultKind = kind;
    }

    /// <summary>The end, now: descriptors and locks go, connections break, and on a power loss what was not synced.</summary>
    public void End(ProcessEnd kind)
    {
        if (HasEnded)
        {
            return;
        }
        HasEnded = true;
        _world.Note("process ends", (long)kind);
        foreach (IDescriptor descriptor in _descriptors.Values)
        {
            descriptor.OnClosed();
        }
        _descriptors.Clear();
        _world.Network.OnProcessEnded(this);
        if (kind == ProcessEnd.PowerLoss)
        {
            _world.Device.LosePower();
        }
        OnEnded?.Invoke(kind);
    }

    /// <summary>Puts what may run now into the list; else says when the next deadline is.</summary>
    public void CollectRunnable(List<SimulatedIo> runnable, ref long next)
    {
        if (HasEnded)
        {
            return;
        }
        foreach (SimulatedIo io in _ios)
        {
            if (io.CanRun)
            {
                runnable.Add(io);
            }
            else
            {
                next = Math.Min(next, io.NextNanos);
            }
        }
    }

    public void Dispose()
    {
        HasEnded = true;
        _group.Dispose();
        foreach (Core core in _group.Cores)
        {
            core.Buffers.UnmapAbandoned();
        }
    }

    // System calls ---------------------------------------------------------------------------------------------------

    public void ThrowIfEnded()
    {
        if (HasEnded)
        {
            throw new ProcessEnded();
        }
    }

    /// <summary>What becomes of a call: as the disk's faults say, or the end that was set for this process.</summary>
    public CallVerdict Judge(DiskCall call, string path)
    {
        CallVerdict verdict = _world.Device.Faults.Judge(call, path);
        if (_faultIn < 0 || --_faultIn >= 0 || verdict.EndAt != CallMoment.Never)
        {
            return verdict;
        }
        CallMoment moment = _world.Random.Pick<CallMoment>([CallMoment.Before, CallMoment.Within, CallMoment.After]);
        return new CallVerdict(EndAt: moment, End: _faultKind);
    }

    /// <summary>The end, out of a system call.</summary>
    public void EndIn(ProcessEnd kind)
    {
        End(kind);
        throw new ProcessEnded();
    }

    public Fd AddDescriptor(IDescriptor descriptor)
    {
        Fd fd = new(_nextDescriptor++);
        _descriptors.Add(fd.Value, descriptor);
        return fd;
    }

    /// <summary>A descriptor that is not open, or is something else, is a mistake of the broker.</summary>
    public T Descriptor<T>(Fd fd)
        where T : class, IDescriptor
    {
        ThrowIfEnded();
        if (_descriptors.TryGetValue(fd.Value, out IDescriptor? found) && found is T wanted)
        {
            return wanted;
        }
        _world.Fail(
            $"descriptor {fd.Value} was used as {typeof(T).Name} and is {found?.ToString() ?? "closed"}\n{Environment.StackTrace}"
        );
        throw new ProcessEnded();
    }

    public void RemoveDescriptor<T>(Fd fd)
        where T : class, IDescriptor
    {
        T descriptor = Descriptor<T>(fd);
        _descriptors.Remove(fd.Value);
        descriptor.OnClosed();
    }

    private void OnUnhandled(Core core, Exception error)
    {
        if (!HasEnded)
        {
            _world.Fail($"unhandled on core {core.Index}: {error}", error);
        }
    }
}
