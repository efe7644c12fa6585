using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Memory;

/// <summary>What a pool checks beyond the handles, which it always checks.</summary>
public enum BufferChecks
{
    /// <summary>Production.</summary>
    None,

    /// <summary>
    /// Tests: a page without access before and behind every buffer, freed bytes overwritten with a pattern that must
    /// still be there at the next rent, and every call on the thread that the pool is bound to.
    /// </summary>
    PoisonAndGuard,
}

/// <summary>
/// The frame buffers of one core: size classes by powers of two from <see cref="Limits.BufferBytesMin"/> to
/// <see cref="Limits.BufferBytesMax"/>, rented and released in constant time.
/// </summary>
/// <remarks>
/// Owner: one core, whose thread makes every call (<see cref="BindToCurrentThread"/>). A core that finished with a buffer
/// of another core's pool sends the handle back by mailbox; it never releases it here.
/// Lifetime: as its arena share's. A buffer is released by the completion that ends its last use, never by a timeout
/// or a disconnect before it.
/// Invariants: a slot's References is above 0 exactly while it is rented; its generation changes at its last release;
/// RentedBytes counts whole classes. The content of a rented buffer is undefined.
/// Memory comes in regions (<see cref="BufferRegions"/>): classes up to 256 KiB are carved from regions of 1 MiB, larger
/// buffers are regions of their own. Pages are touched only by use or by <see cref="Warm"/>; <see cref="Trim"/> returns
/// what stayed unused to the kernel.
/// </remarks>
public sealed unsafe class BufferPool : IDisposable
{
    /// <summary>Of freed memory in tests: as a length it is negative, as an ASCII text it is none.</summary>
    internal const byte PoisonByte = 0xDB;

    private readonly BufferRegions _regions;
    private readonly bool _checks;
    private int _ownerThreadId;

    public BufferPool(ArenaShare memory, BufferChecks checks = BufferChecks.None)
    {
        _checks = checks == BufferChecks.PoisonAndGuard;
        _regions = new BufferRegions(memory, _checks);
        _ownerThreadId = Environment.CurrentManagedThreadId;
    }

    /// <summary>Buffers rented now. Any thread may read it as it passes by.</summary>
    public int RentedCount { get; private set; }

    /// <summary>Their bytes, in whole classes. Any thread may read it as it passes by.</summary>
    public long RentedBytes { get; private set; }

    /// <summary>For a pool that one thread makes and a core's thread uses: called once by the latter.</summary>
    public void BindToCurrentThread()
    {
        Invariant.That(RentedCount == 0);
        _ownerThreadId = Environment.CurrentManagedThreadId;
    }

    /// <summary>
    /// A buffer of at least <paramref name="bytesMin"/> bytes (1 to <see cref="Limits.BufferBytesMax"/>), with one
    /// ownership. False = the share is used up: the core stops reading until something is released.
    /// </summary>
    [HotPath]
    public bool TryRent(int bytesMin, out BufferHandle handle)
    {
        Invariant.That(bytesMin > 0 && bytesMin <= Limits.BufferBytesMax);
        AssertOwner();
        int sizeClass = ClassOf(bytesMin);
        int region = _regions.WithFreeSlot(sizeClass);
        if (region < 0)
        {
            handle = default;
            return false;
        }
        int slotIndex = _regions.TakeSlot(region, sizeClass);
        BufferSlot* slot = _regions.Slot(slotIndex);
        Invariant.That(slot->References == 0);
        slot->References = 1;
        if (slot->Generation == 0)
        {
            slot->Generation = 1; // A slot used for the first time: the table starts as zeros.
        }
        RentedCount++;
        RentedBytes += BytesOf(sizeClass);
        handle = MakeHandle(slotIndex, slot->Generation);
        if (_checks)
        {
            CheckPoisonSlow(handle);
        }
        return true;
    }

    /// <summary>One more ownership of the same buffer; each is released on its own.</summary>
    [HotPath]
    public BufferHandle Retain(BufferHandle handle)
    {
        BufferSlot* slot = Live(handle);
        Invariant.That(slot->References < int.MaxValue);
        slot->References++;
        return handle;
    }

    /// <summary>Ends one ownership and clears the caller's handle. The last one returns the buffer to its class.</summary>
    [HotPath]
    public void Release(ref BufferHandle handle)
    {
        BufferHandle released = handle;
        handle = default;
        BufferSlot* slot = Live(released);
        if (slot->References > 1)
        {
            slot->References--;
            return;
        }
        int region = BufferRegions.RegionOf(released.Slot);
        int sizeClass = _regions.ClassOf(region);
        if (_checks)
        {
            PoisonSlow(released);
        }
        slot->References = 0;
        slot->Generation = slot->Generation == uint.MaxValue ? 1 : slot->Generation + 1;
        RentedCount--;
        RentedBytes -= BytesOf(sizeClass);
        _regions.ReturnSlot(region, sizeClass, released.Slot);
    }

    /// <summary>All bytes of the buffer, which may be more than was asked for.</summary>
    [HotPath]
    public Span<byte> Span(BufferHandle handle)
    {
        Live(handle);
        // SAFETY: the handle is live, so its region stays mapped until this core releases it; no other core writes to
        // this core's buffers, and the kernel does so only for a receive that its owner submitted.
        int bytes = BytesOf(_regions.ClassOf(BufferRegions.RegionOf(handle.Slot)));
        return MemoryMarshal.CreateSpan(ref *_regions.AddressOf(handle.Slot), bytes);
    }

    [HotPath]
    public Span<byte> Span(BufferSlice slice) => Span(slice.Buffer).Slice(slice.Start, slice.Length);

    /// <summary>
    /// Where the buffer starts, for the kernel. Valid as long as somebody owns the buffer: a submission that carries it
    /// holds an ownership (<see cref="Retain"/>) until its completion.
    /// </summary>
    [HotPath]
    public byte* Pointer(BufferHandle handle)
    {
        Live(handle);
        return _regions.AddressOf(handle.Slot);
    }

    /// <summary>As <see cref="Pointer"/>, for rooms that only pass it on.</summary>
    [HotPath]
    public nint Address(BufferHandle handle) => (nint)Pointer(handle);

    /// <summary>Bytes of the buffer.</summary>
    [HotPath]
    public int Capacity(BufferHandle handle)
    {
        Live(handle);
        return BytesOf(_regions.ClassOf(BufferRegions.RegionOf(handle.Slot)));
    }

    /// <summary>How many own the buffer.</summary>
    public int References(BufferHandle handle) => Live(handle)->References;

    public bool IsLive(BufferHandle handle) => _regions.TryLive(handle) is not null;

    public BorrowedBuffer Borrow(BufferHandle handle)
    {
        Live(handle);
        return new BorrowedBuffer(this, handle);
    }

    /// <summary>
    /// Moves the first <paramref name="bytesUsed"/> bytes into a buffer of at least <paramref name="bytesMin"/> and
    /// releases the old one; the caller must be its only owner. False = the share is used up; nothing has changed.
    /// </summary>
    [HotPath]
    public bool TryGrow(ref BufferHandle handle, int bytesMin, int bytesUsed)
    {
        Invariant.That(Live(handle)->References == 1);
        if (bytesMin <= Capacity(handle))
        {
            return true;
        }
        if (!TryRent(bytesMin, out BufferHandle larger))
        {
            return false;
        }
        Span(handle)[..bytesUsed].CopyTo(Span(larger));
        Release(ref handle);
        handle = larger;
        return true;
    }

    /// <summary>The bytes that a rent of this size really takes.</summary>
    public static int RoundUp(int bytes) => BytesOf(ClassOf(bytes));

    /// <summary>Makes <paramref name="count"/> buffers of a class resident now. False = the share or the machine has not so much.</summary>
    public bool Warm(int bytes, int count)
    {
        BufferHandle[] rented = new BufferHandle[count];
        bool isWarm = true;
        for (int i = 0; i < count && isWarm; i++)
        {
            isWarm = TryRent(bytes, out rented[i]) && ArenaShare.Warm((nint)Pointer(rented[i]), Capacity(rented[i]));
        }
        foreach (ref BufferHandle handle in rented.AsSpan())
        {
            if (!handle.IsNone)
            {
                Release(ref handle);
            }
        }
        return isWarm;
    }

    /// <summary>
    /// Returns regions to the kernel that were empty at the former call already and since. For a slow timer of the core
    /// (seconds): a buffer in steady use is never unmapped, a burst's memory goes back after two calls.
    /// </summary>
    public void Trim()
    {
        AssertOwner();
        _regions.Trim();
    }

    /// <summary>At tear-down and at the end of tests.</summary>
    public void AssertNothingLeaked()
    {
        if (RentedCount != 0)
        {
            throw Invariant.Unreachable(
                $"{RentedCount} buffers ({RentedBytes} bytes) were not released: {_regions.DescribeRented()}"
            );
        }
        Invariant.That(RentedBytes == 0);
    }

    public void Dispose()
    {
        AssertNothingLeaked();
        _regions.UnmapAll();
    }

    /// <summary>The simulator's end of a process that did not get to release anything.</summary>
    internal void UnmapAbandoned() => _regions.UnmapAbandoned();

    internal static int ClassOf(int bytes) =>
        Math.Max(0, BitOperations.Log2((uint)(bytes - 1) | 1) + 1 - BufferRegions.SmallestClassLog2);

    internal static int BytesOf(int sizeClass) => Limits.BufferBytesMin << sizeClass;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private BufferSlot* Live(BufferHandle handle)
    {
        AssertOwner();
        BufferSlot* slot = _regions.TryLive(handle);
        if (slot is null)
        {
            StopStale(handle);
        }
        return slot;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AssertOwner()
    {
        if (_checks)
        {
            Invariant.That(_ownerThreadId == Environment.CurrentManagedThreadId);
        }
    }

    private static BufferHandle MakeHandle(int slot, uint generation) => new(slot, generation);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void StopStale(BufferHandle handle) =>
        throw Invariant.Unreachable($"stale {handle}: {_regions.Describe(handle)}");

    private void PoisonSlow(BufferHandle handle) => Span(handle).Fill(PoisonByte);

    private void CheckPoisonSlow(BufferHandle handle)
    {
        Span<byte> bytes = Span(handle);
        // Memory fresh from the kernel is all zeros; what was rented before is all poison.
        int written = bytes.IndexOfAnyExcept(bytes[0] == 0 ? (byte)0 : PoisonByte);
        if (written >= 0)
        {
            throw Invariant.Unreachable($"{handle} was written at byte {written} after it was released");
        }
    }
}
