using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text;
using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>A set of CPUs, up to 1024.</summary>
// SAFETY: the only pointer is the fixed buffer of 16 words inside the struct itself; every index is below CpusMax / 64.
public unsafe struct CpuSet
{
    public const int CpusMax = 1024;

    internal cpu_set_t Bits;

    public readonly int Count
    {
        get
        {
            int count = 0;
            for (int i = 0; i < CpusMax / 64; i++)
            {
                count += BitOperations.PopCount(Bits.__bits[i]);
            }
            return count;
        }
    }

    public readonly bool Contains(int cpu) => (uint)cpu < CpusMax && ((Bits.__bits[cpu / 64] >> (cpu % 64)) & 1) != 0;

    public void Add(int cpu)
    {
        Invariant.That((uint)cpu < CpusMax);
        Bits.__bits[cpu / 64] |= 1UL << (cpu % 64);
    }

    /// <summary>The CPU with the n-th lowest number, n from 0; -1 = the set has not so many.</summary>
    public readonly int Nth(int n)
    {
        for (int cpu = 0; cpu < CpusMax; cpu++)
        {
            if (Contains(cpu) && n-- == 0)
            {
                return cpu;
            }
        }
        return -1;
    }
}

/// <summary>The calling thread: where it runs and what it is called. Other threads are never touched.</summary>
public static unsafe class Threads
{
    /// <summary>EINVAL = no CPU of the set may be used by this process.</summary>
    public static SysResult SetAffinity(in CpuSet cpus)
    {
        cpu_set_t mask = cpus.Bits;
        return SysResult.FromReturn(Libc.sched_setaffinity(0, (nuint)sizeof(cpu_set_t), &mask));
    }

    public static SysResult PinTo(int cpu)
    {
        CpuSet one = default;
        one.Add(cpu);
        return SetAffinity(one);
    }

    /// <summary>Where the calling thread may run: what taskset, the container or <see cref="PinTo"/> left it.</summary>
    public static SysResult<CpuSet> GetAffinity()
    {
        CpuSet cpus = default;
        return Libc.sched_getaffinity(0, (nuint)sizeof(cpu_set_t), &cpus.Bits) >= 0
            ? new SysResult<CpuSet>(cpus)
            : new SysResult<CpuSet>(LinuxError.Last());
    }

    public static SysResult<int> CurrentCpu()
    {
        int cpu = Libc.sched_getcpu();
        return cpu >= 0 ? new SysResult<int>(cpu) : new SysResult<int>(LinuxError.Last());
    }

    /// <summary>The kernel's number of the calling thread, as top and strace show it.</summary>
    public static int Id() => Libc.gettid();

    /// <summary>The name in top and gdb; what does not fit into 15 bytes is cut.</summary>
    public static SysResult SetName(string name)
    {
        const int bytesMax = 16;
        Span<byte> bytes = stackalloc byte[bytesMax];
        bytes.Clear();
        Encoding.UTF8.GetEncoder().Convert(name, bytes[..^1], flush: true, out _, out _, out _);
        // SAFETY: 16 bytes of this frame's stack that end with a zero; the kernel only reads them.
        fixed (byte* start = bytes)
        {
            return SysResult.FromReturn(Libc.prctl((int)PrctlOption.PR_SET_NAME, (nuint)start, 0, 0, 0));
        }
    }
}

/// <summary>Limits, randomness and signals of the process.</summary>
public static unsafe class Processes
{
    /// <summary>
    /// Ends the process here: no handler of the runtime runs and no thread is waited for, so nothing that hangs can keep it.
    /// </summary>
    [DoesNotReturn]
    public static void ExitAtOnce(int status)
    {
        Libc._exit(status);
        throw Invariant.Unreachable("_exit returned");
    }

    public static SysResult<rlimit> GetLimit(ResourceLimit which)
    {
        rlimit limit = default;
        return Libc.getrlimit((int)which, &limit) == 0
            ? new SysResult<rlimit>(limit)
            : new SysResult<rlimit>(LinuxError.Last());
    }

    /// <summary>EPERM = above the hard limit without the right to raise it.</summary>
    public static SysResult SetLimit(ResourceLimit which, rlimit limit) =>
        SysResult.FromReturn(Libc.setrlimit((int)which, &limit));

    /// <summary>Lifts the soft limit to the hard one; returns what it is now.</summary>
    public static SysResult<rlimit> RaiseLimit(ResourceLimit which)
    {
        SysResult<rlimit> before = GetLimit(which);
        if (!before.IsOk || before.Value.rlim_cur == before.Value.rlim_max)
        {
            return before;
        }
        rlimit raised = before.Value with { rlim_cur = before.Value.rlim_max };
        SysResult result = SetLimit(which, raised);
        return result.IsOk ? new SysResult<rlimit>(raised) : new SysResult<rlimit>(result.Error);
    }

    public static int Id() => Libc.getpid();

    /// <summary>Fills from the kernel's generator; waits only in the first moments of a machine's life.</summary>
    public static SysResult FillRandom(Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            nint filled;
            // SAFETY: the span is pinned until the call returns, and the kernel writes only within its length.
            fixed (byte* start = target)
            {
                filled = Libc.getrandom(start, (nuint)target.Length, 0);
            }
            if (filled >= 0)
            {
                target = target[(int)filled..];
                continue;
            }
            Errno error = LinuxError.Last();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
        return SysResult.Ok;
    }
}

public static class Signals
{
    private const nint IgnoreHandler = 1;

    /// <summary>For SIGPIPE before the first sendfile: a closed peer then gives EPIPE instead of ending the process.</summary>
    public static SysResult Ignore(SignalNumber signal) =>
        Libc.signal((int)signal, IgnoreHandler) != -1 ? SysResult.Ok : new SysResult(LinuxError.Last());

    public static SysResult Send(int processId, SignalNumber signal) =>
        SysResult.FromReturn(Libc.kill(processId, (int)signal));
}
