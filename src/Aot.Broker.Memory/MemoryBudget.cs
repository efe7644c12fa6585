using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Memory;

/// <summary>
/// <code>
///   0..127  empty, keeps neighbours in the heap away
/// 128       Used         written by every core with Interlocked
/// 136       WaiterCount  written by every core with Interlocked
/// 144..255  empty
/// </code>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct ProcessBudgetState
{
    [FieldOffset(128)]
    public long Used;

    [FieldOffset(136)]
    public int WaiterCount;
}

/// <summary>
/// Request bytes in flight in the whole process. Shared by all cores; everything else of the budget is a core's own.
/// </summary>
/// <remarks>
/// Admission asks whether there is room at all, not whether this request fits: while used is below the limit a request
/// of any size enters, so that a large one is never starved by a stream of small ones. The bound is therefore the
/// limit plus one frame per core (each core admits one request at a time).
/// </remarks>
public sealed class ProcessMemoryBudget
{
    private ProcessBudgetState _state;

    /// <summary>1 = that core waits for a release. Written with Interlocked by the core (to 1) and by a releaser (to 0).</summary>
    private readonly int[] _waits;

    public ProcessMemoryBudget(long bytesMax, int coreCount)
    {
        Invariant.That(bytesMax > 0 && coreCount > 0);
        BytesMax = bytesMax;
        _waits = new int[coreCount];
    }

    public long BytesMax { get; }

    public long BytesUsed => Volatile.Read(ref _state.Used);

    public bool IsExhausted => BytesUsed >= BytesMax;

    [HotPath]
    internal bool TryReserve(long bytes)
    {
        if (IsExhausted)
        {
            return false;
        }
        Interlocked.Add(ref _state.Used, bytes);
        return true;
    }

    /// <summary>True = there is room again and some core waits for it.</summary>
    [HotPath]
    internal bool Release(long bytes)
    {
        // Full barrier: the new Used is visible before WaiterCount is read. Pairs with the Increment in Wait: of a
        // release and a wait that cross, at least one sees the other.
        long used = Interlocked.Add(ref _state.Used, -bytes);
        Invariant.That(used >= 0);
        return used < BytesMax && Volatile.Read(ref _state.WaiterCount) > 0;
    }

    /// <summary>False = there is room by now, do not wait.</summary>
    internal bool Wait(CoreIndex core)
    {
        if (Interlocked.Exchange(ref _waits[core.Value], 1) == 0)
        {
            // Full barrier: pairs with the Add in Release.
            Interlocked.Increment(ref _state.WaiterCount);
        }
        if (IsExhausted)
        {
            return true;
        }
        Clear(core.Value);
        return false;
    }

    /// <summary>
    /// Takes one core that waits, which the caller now wakes by its mailbox. False = none (left): called until then,
    /// because the one that wakes first may have nothing to read. A core is given to one caller only.
    /// </summary>
    public bool TryTakeWaiter(out CoreIndex core)
    {
        for (int i = 0; i < _waits.Length && Volatile.Read(ref _state.WaiterCount) > 0; i++)
        {
            if (Clear(i))
            {
                core = new CoreIndex(i);
                return true;
            }
        }
        core = default;
        return false;
    }

    private bool Clear(int core)
    {
        if (Volatile.Read(ref _waits[core]) == 0 || Interlocked.Exchange(ref _waits[core], 0) == 0)
        {
            return false;
        }
        Interlocked.Decrement(ref _state.WaiterCount);
        return true;
    }
}

/// <summary>A connection's part, kept in the connection. Only its core touches it, through <see cref="CoreMemoryBudget"/>.</summary>
public struct ConnectionMemory
{
    public long BytesUsed { get; internal set; }
}

/// <summary>
/// Request bytes in flight of one core and of each of its connections, under the process's. Past it the core stops
/// reading from its sockets: TCP then tells the clients. Bytes are reserved when a frame's length is known, before
/// anything is rented for it, and released when its answer is sent.
/// </summary>
/// <remarks>Owner: the core. Invariant: the core's BytesUsed = sum of its connections', and 0 at tear-down.</remarks>
public sealed class CoreMemoryBudget
{
    private readonly ProcessMemoryBudget _process;
    private readonly CoreIndex _owner;

    public CoreMemoryBudget(ProcessMemoryBudget process, CoreIndex owner, long bytesMax, long connectionBytesMax)
    {
        Invariant.That(bytesMax > 0 && connectionBytesMax > 0);
        _process = process;
        _owner = owner;
        BytesMax = bytesMax;
        ConnectionBytesMax = connectionBytesMax;
    }

    public long BytesMax { get; }

    public long ConnectionBytesMax { get; }

    public long BytesUsed { get; private set; }

    /// <summary>While true the core reads no socket.</summary>
    public bool IsExhausted => BytesUsed >= BytesMax || _process.IsExhausted;

    /// <summary>While true this connection is not read.</summary>
    public bool IsExhaustedFor(in ConnectionMemory connection) =>
        connection.BytesUsed >= ConnectionBytesMax || IsExhausted;

    /// <summary>
    /// Admits a request if connection, core and process are each below their limit, and counts its bytes in all three.
    /// A request of any size enters where there is room at all: see <see cref="ProcessMemoryBudget"/>.
    /// </summary>
    [HotPath]
    public bool TryReserve(ref ConnectionMemory connection, long bytes)
    {
        Invariant.That(bytes >= 0);
        if (connection.BytesUsed >= ConnectionBytesMax || BytesUsed >= BytesMax || !_process.TryReserve(bytes))
        {
            return false;
        }
        connection.BytesUsed += bytes;
        BytesUsed += bytes;
        return true;
    }

    /// <summary>True = another core waits for the process's budget: take it with <see cref="ProcessMemoryBudget.TryTakeWaiter"/> and wake it.</summary>
    [HotPath]
    public bool Release(ref ConnectionMemory connection, long bytes)
    {
        Invariant.That(bytes >= 0 && bytes <= connection.BytesUsed && bytes <= BytesUsed);
        connection.BytesUsed -= bytes;
        BytesUsed -= bytes;
        return _process.Release(bytes);
    }

    /// <summary>
    /// For a core whose reading stopped because of the process's budget, before it sleeps: registers it to be woken.
    /// False = there is room by now, read on.
    /// </summary>
    public bool WaitForProcess() => _process.Wait(_owner);

    /// <summary>At tear-down and at the end of tests.</summary>
    public void AssertNothingReserved() => Invariant.That(BytesUsed == 0);
}
