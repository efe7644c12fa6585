using Aot.Broker.Linux;

namespace Aot.Broker.Simulation.Tests;

/// <summary>When within a call the process ends.</summary>
internal enum CallMoment
{
    Never,
    Before,
    Within,
    After,
}

/// <summary>What becomes of one call.</summary>
/// <param name="Error">Returned without effect, unless the call is a write that ends early.</param>
/// <param name="IsShort">A part of the bytes is written before the error.</param>
/// <param name="EndAt">When the process ends.</param>
/// <param name="End">How it ends.</param>
internal readonly record struct CallVerdict(
    Errno Error = Errno.None,
    bool IsShort = false,
    CallMoment EndAt = CallMoment.Never,
    ProcessEnd End = ProcessEnd.Kill
);

/// <summary>
/// Decides about every call of a disk: one fault at a call with a known number, or conditions that last (a full disk, no
/// descriptors, a device that fails now and then). It survives the processes, as the disk does.
/// </summary>
internal sealed class DiskFaults(World world)
{
    /// <summary>How long a disk is full, or descriptors are short.</summary>
    public const long LastsNanos = 150_000_000;

    private long _befallAt = -1;
    private DiskFault _fault;
    private bool _isFull;
    private bool _isOutOfDescriptors;
    private int _failsOneIn;

    /// <summary>Calls since <see cref="Count"/>, in order.</summary>
    public List<DiskCall> Calls { get; } = [];

    /// <summary>When the first fault happened; -1 while none has.</summary>
    public long FirstFaultNanos { get; private set; } = -1;

    public bool IsCounting { get; private set; }

    public bool HasFired => FirstFaultNanos >= 0;

    /// <summary>Something that lasts is wrong now.</summary>
    public bool IsWrong => _isFull || _isOutOfDescriptors || _failsOneIn > 0;

    public Action? OnFirstFault { get; set; }

    /// <summary>The fault that was asked for with <see cref="Count"/>.</summary>
    public DiskFault Fault => _fault;

    /// <summary>The call that the fault befell, in words.</summary>
    public string Where { get; private set; } = "no call";

    /// <summary>From now on calls have numbers, from 0 on. The fault befalls the one with this number; -1 = none.</summary>
    public void Count(long befallAt, DiskFault fault)
    {
        IsCounting = true;
        _befallAt = befallAt;
        _fault = fault;
    }

    public void StopCounting() => IsCounting = false;

    public void SetFull(bool isFull) => _isFull = Changed("disk is full", isFull);

    public void SetOutOfDescriptors(bool isOut) => _isOutOfDescriptors = Changed("no descriptors", isOut);

    /// <summary>EIO for one call in so many; 0 = never.</summary>
    public void SetFailing(int oneIn) => _failsOneIn = Changed("disk fails", oneIn > 0) ? oneIn : 0;

    public void Repair()
    {
        _isFull = _isOutOfDescriptors = false;
        _failsOneIn = 0;
    }

    public CallVerdict Judge(DiskCall call, string path)
    {
        if (IsCounting)
        {
            Calls.Add(call);
            if (Calls.Count - 1 == _befallAt && _fault.CanBefall(call))
            {
                return Befall(call, path);
            }
        }
        if (_isFull && call.NeedsSpace())
        {
            return new CallVerdict(Errno.ENOSPC, IsShort: call == DiskCall.Write);
        }
        if (_isOutOfDescriptors && call.NeedsDescriptor())
        {
            return new CallVerdict(Errno.EMFILE);
        }
        return _failsOneIn > 0 && world.Random.OneIn(_failsOneIn) ? Fails(call, path) : default;
    }

    private CallVerdict Fails(DiskCall call, string path)
    {
        Fire(DiskFault.InputOutputError, call, path);
        return new CallVerdict(Errno.EIO);
    }

    private CallVerdict Befall(DiskCall call, string path)
    {
        Fire(_fault, call, path);
        if (_fault is DiskFault.NoSpace or DiskFault.ShortWrite)
        {
            SetFull(true);
        }
        if (_fault == DiskFault.NoDescriptors)
        {
            SetOutOfDescriptors(true);
        }
        if (IsWrong)
        {
            world.Schedule(LastsNanos, "disk is repaired", Repair);
        }
        ProcessEnd end = _fault.IsPowerLoss() ? ProcessEnd.PowerLoss : ProcessEnd.Kill;
        return _fault switch
        {
            DiskFault.KillBefore or DiskFault.PowerLossBefore => new CallVerdict(EndAt: CallMoment.Before, End: end),
            DiskFault.KillWithin or DiskFault.PowerLossWithin => new CallVerdict(EndAt: CallMoment.Within, End: end),
            DiskFault.KillAfter or DiskFault.PowerLossAfter => new CallVerdict(EndAt: CallMoment.After, End: end),
            DiskFault.InputOutputError => new CallVerdict(Errno.EIO),
            DiskFault.ShortWrite => new CallVerdict(Errno.ENOSPC, IsShort: true),
            DiskFault.NoSpace or DiskFault.NoSpaceOnce => new CallVerdict(Errno.ENOSPC),
            _ => new CallVerdict(Errno.EMFILE),
        };
    }

    private void Fire(DiskFault fault, DiskCall call, string path)
    {
        Where = $"{fault} at {call} of {path}";
        world.Note("FAULT", (long)fault, (long)call, Where);
        if (FirstFaultNanos < 0)
        {
            FirstFaultNanos = world.NowNanos;
            OnFirstFault?.Invoke();
        }
    }

    private bool Changed(string what, bool value)
    {
        world.Note(what, value ? 1 : 0);
        if (value && FirstFaultNanos < 0)
        {
            FirstFaultNanos = world.NowNanos;
        }
        return value;
    }
}
