using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Memory;

/// <summary>One buffer's state: 12 bytes in a table that is as lazily resident as the buffers.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BufferSlot
{
    /// <summary>0 = never used. Survives the region's return to the kernel, so that old handles stay stale.</summary>
    public uint Generation;

    /// <summary>Above 0 exactly while rented.</summary>
    public int References;

    /// <summary>Within the region's free list; -1 ends it.</summary>
    public int NextFree;
}

/// <summary>A run of memory that holds the buffers of one class at a time.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BufferRegion
{
    /// <summary>0 = not mapped.</summary>
    public nint Address;

    /// <summary>-1 = spare (mapped, no class) or not mapped.</summary>
    public int SizeClass;

    /// <summary>First released slot of the region, -1 = none.</summary>
    public int FreeHead;

    /// <summary>Slots that were ever handed out since the region got its class: those behind are free and untouched.</summary>
    public int Carved;

    /// <summary>Slots rented now.</summary>
    public int Live;

    /// <summary>The list that the region is in (its class's regions with a free slot, or the spare ones); -1 ends it.</summary>
    public int Previous;
    public int Next;

    /// <summary>The trim during whose epoch the region became empty.</summary>
    public uint EmptySince;
}

/// <summary>
/// Where a <see cref="BufferPool"/>'s buffers lie. Same owner and lifetime.
/// </summary>
/// <remarks>
/// <code>
///   class 0..6   4 KiB .. 256 KiB   carved from regions of 1 MiB   (256 .. 4 slots)
///   class 7..15  512 KiB .. 128 MiB a region each, own mapping     (1 slot)
///   slot number = region * 256 + place in the region
/// </code>
/// A region is in exactly one state: on its class's list (it has a free slot), full (in no list), on the spare list
/// (1 MiB, empty, ready for any carved class), or not mapped (its number on the free-number stack).
/// A carved region that becomes empty goes to the spare list unless it is the only one of its class with room; a large
/// one stays on its class's list. So memory that a burst touched serves any class next, and Trim finds it empty.
/// Every list is last in, first out: warm memory is used first, cold memory ages at the end.
/// </remarks>
internal sealed unsafe class BufferRegions
{
    public const int SmallestClassLog2 = 12;
    public const int RegionBytes = 1024 * 1024;
    private const int SlotsPerRegion = RegionBytes / Limits.BufferBytesMin;
    private const int SlotsPerRegionLog2 = 8;
    private const int LargestCarvedClass = 6;
    private const int ClassCount = 16;
    private const int SpareList = ClassCount;
    private const int SmallestMappingBytes = 512 * 1024;

    private readonly ArenaShare _memory;
    private readonly bool _hasGuards;
    private readonly int _regionsMax;
    private readonly uint _slotsMax;
    private readonly BufferRegion[] _regions;
    private readonly int[] _freeNumbers;
    private readonly int[] _listHeads = new int[ClassCount + 1];
    private readonly nint _slotTable;
    private readonly long _slotTableBytes;
    private int _freeNumberCount;
    private uint _epoch;

    public BufferRegions(ArenaShare memory, bool hasGuards)
    {
        Invariant.That(Limits.BufferBytesMin == 1 << SmallestClassLog2);
        Invariant.That(Limits.BufferBytesMax == 1 << (SmallestClassLog2 + ClassCount - 1));
        Invariant.That(SlotsPerRegion == 1 << SlotsPerRegionLog2);
        Invariant.That(Limits.BufferBytesMin % Mappings.PageBytes == 0);
        _memory = memory;
        _hasGuards = hasGuards;
        _regionsMax = checked((int)Math.Max(1, memory.BytesMax / SmallestMappingBytes));
        _slotsMax = checked((uint)_regionsMax * SlotsPerRegion);
        _regions = new BufferRegion[_regionsMax];
        _freeNumbers = new int[_regionsMax];
        _freeNumberCount = _regionsMax;
        for (int i = 0; i < _regionsMax; i++)
        {
            _freeNumbers[i] = _regionsMax - 1 - i; // Low numbers first: the slot table stays dense.
        }
        Array.Fill(_listHeads, -1);
        long tableBytes = (long)_slotsMax * sizeof(BufferSlot);
        _slotTableBytes = (tableBytes + Mappings.PageBytes - 1) / Mappings.PageBytes * Mappings.PageBytes;
        _slotTable = Mappings
            .MapAnonymous(_slotTableBytes, MapProtection.PROT_READ | MapProtection.PROT_WRITE, MapFlags.MAP_NORESERVE)
            .OrThrow("mmap", "buffer slot table");
    }

    public static int RegionOf(int slot) => slot >> SlotsPerRegionLog2;

    public int ClassOf(int region) => _regions[region].SizeClass;

    // SAFETY: the table stays mapped until UnmapAll; callers pass slots that they took here or that TryLive has bounded.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public BufferSlot* Slot(int slot) => (BufferSlot*)_slotTable + slot;

    /// <summary>Null unless the handle owns what is in its slot now. Takes any bits: a handle may come from anywhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public BufferSlot* TryLive(BufferHandle handle)
    {
        if ((uint)handle.Slot >= _slotsMax)
        {
            return null;
        }
        BufferSlot* slot = Slot(handle.Slot);
        return slot->Generation == handle.Generation && slot->References > 0 ? slot : null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* AddressOf(int slot)
    {
        // SAFETY: a live slot's region is mapped, and slot number times stride lies within it by SlotCount.
        ref BufferRegion region = ref _regions[RegionOf(slot)];
        return (byte*)region.Address + FirstByte + ((slot & (SlotsPerRegion - 1)) * StrideOf(region.SizeClass));
    }

    /// <summary>A region of the class with room; -1 = no memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int WithFreeSlot(int sizeClass)
    {
        int region = _listHeads[sizeClass];
        return region >= 0 ? region : AcquireSlow(sizeClass);
    }

    /// <summary>The region must have room. Returns the slot's number.</summary>
    public int TakeSlot(int number, int sizeClass)
    {
        ref BufferRegion region = ref _regions[number];
        int slot = region.FreeHead;
        if (slot >= 0)
        {
            region.FreeHead = Slot(slot)->NextFree;
        }
        else
        {
            slot = (number << SlotsPerRegionLog2) + region.Carved++;
            if (_hasGuards)
            {
                GuardSlow((nint)AddressOf(slot) + BufferPool.BytesOf(sizeClass));
            }
        }
        region.Live++;
        if (region.Live == SlotCount(sizeClass))
        {
            Unlink(sizeClass, number);
        }
        return slot;
    }

    public void ReturnSlot(int number, int sizeClass, int slot)
    {
        ref BufferRegion region = ref _regions[number];
        Invariant.That(region.Live > 0);
        Slot(slot)->NextFree = region.FreeHead;
        region.FreeHead = slot;
        if (region.Live == SlotCount(sizeClass))
        {
            Link(sizeClass, number);
        }
        region.Live--;
        if (region.Live > 0)
        {
            return;
        }
        region.EmptySince = _epoch;
        bool isOnlyOne = region.Next < 0 && region.Previous < 0;
        if (sizeClass <= LargestCarvedClass && !isOnlyOne && !_hasGuards)
        {
            Unlink(sizeClass, number);
            region.SizeClass = -1;
            Link(SpareList, number);
        }
    }

    /// <summary>Unmaps what has been empty for a whole epoch, which ends now.</summary>
    public void Trim()
    {
        UnmapEmpty(minimumEpochs: 1, bytesWanted: long.MaxValue);
        _epoch++;
    }

    public void UnmapAll()
    {
        UnmapEmpty(minimumEpochs: 0, bytesWanted: long.MaxValue);
        Invariant.That(_freeNumberCount == _regionsMax);
        Mappings.Unmap(_slotTable, _slotTableBytes).OrStop("munmap");
    }

    /// <summary>As UnmapAll, for an owner that ended without releasing anything; only the simulator has those.</summary>
    public void UnmapAbandoned()
    {
        foreach (ref BufferRegion region in _regions.AsSpan())
        {
            if (region.Address != 0)
            {
                bool isSpare = region.SizeClass < 0;
                long bytes = isSpare ? RegionBytes : MappingBytes(region.SizeClass);
                _memory.Unmap(region.Address, bytes, isSpare ? 0 : GuardBytes(region.SizeClass));
                region = default;
            }
        }
        Mappings.Unmap(_slotTable, _slotTableBytes).OrStop("munmap");
    }

    public string Describe(BufferHandle handle) =>
        (uint)handle.Slot >= _slotsMax
            ? "there is no such slot"
            : $"the slot is at generation {Slot(handle.Slot)->Generation} with {Slot(handle.Slot)->References} owners";

    public string DescribeRented()
    {
        List<string> rented = [];
        for (int slot = 0; slot < (int)_slotsMax && rented.Count < 16; slot++)
        {
            if (_regions[RegionOf(slot)].Address == 0)
            {
                slot |= SlotsPerRegion - 1;
            }
            else if (Slot(slot)->References > 0)
            {
                int bytes = BufferPool.BytesOf(ClassOf(RegionOf(slot)));
                rented.Add($"{slot}#{Slot(slot)->Generation} ({bytes} bytes, {Slot(slot)->References} owners)");
            }
        }
        return string.Join(", ", rented);
    }

    private static int SlotCount(int sizeClass) => sizeClass <= LargestCarvedClass ? SlotsPerRegion >> sizeClass : 1;

    private long GuardBytes(int sizeClass) => _hasGuards ? (long)(SlotCount(sizeClass) + 1) * Mappings.PageBytes : 0;

    private int FirstByte => _hasGuards ? Mappings.PageBytes : 0;

    private long StrideOf(int sizeClass) => BufferPool.BytesOf(sizeClass) + FirstByte;

    private static long MappingBytes(int sizeClass) =>
        sizeClass <= LargestCarvedClass ? RegionBytes : BufferPool.BytesOf(sizeClass);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int AcquireSlow(int sizeClass)
    {
        int number = _listHeads[SpareList];
        if (sizeClass <= LargestCarvedClass && number >= 0)
        {
            Unlink(SpareList, number);
        }
        else if (!TryMapRegion(sizeClass, out number))
        {
            return -1;
        }
        ref BufferRegion region = ref _regions[number];
        region.SizeClass = sizeClass;
        region.FreeHead = -1;
        region.Carved = 0;
        Invariant.That(region.Live == 0);
        Link(sizeClass, number);
        return number;
    }

    /// <summary>With the share used up, what is empty in other classes goes back first.</summary>
    private bool TryMapRegion(int sizeClass, out int number)
    {
        number = -1;
        long bytes = MappingBytes(sizeClass);
        if (bytes > _memory.BytesMax - _memory.MappedBytes)
        {
            UnmapEmpty(minimumEpochs: 0, bytesWanted: bytes - (_memory.BytesMax - _memory.MappedBytes));
        }
        if (!_memory.TryMap(bytes, out nint address, GuardBytes(sizeClass)))
        {
            return false;
        }
        Invariant.That(_freeNumberCount > 0);
        number = _freeNumbers[--_freeNumberCount];
        _regions[number] = new BufferRegion { Address = address, SizeClass = sizeClass };
        if (_hasGuards)
        {
            GuardSlow(address);
        }
        return true;
    }

    /// <summary>Walks every list for empty regions that old, until that many bytes went back.</summary>
    private void UnmapEmpty(uint minimumEpochs, long bytesWanted)
    {
        for (int list = SpareList; list >= 0; list--)
        {
            int number = _listHeads[list];
            while (number >= 0 && bytesWanted > 0)
            {
                ref BufferRegion region = ref _regions[number];
                int next = region.Next;
                if (region.Live == 0 && _epoch - region.EmptySince >= minimumEpochs)
                {
                    long bytes = list == SpareList ? RegionBytes : MappingBytes(list);
                    Unlink(list, number);
                    _memory.Unmap(region.Address, bytes, list == SpareList ? 0 : GuardBytes(list));
                    region = default;
                    _freeNumbers[_freeNumberCount++] = number;
                    bytesWanted -= bytes;
                }
                number = next;
            }
        }
    }

    private static void GuardSlow(nint page) =>
        Mappings.Protect(page, Mappings.PageBytes, MapProtection.PROT_NONE).OrStop("mprotect");

    private void Link(int list, int number)
    {
        ref BufferRegion region = ref _regions[number];
        int head = _listHeads[list];
        region.Previous = -1;
        region.Next = head;
        if (head >= 0)
        {
            _regions[head].Previous = number;
        }
        _listHeads[list] = number;
    }

    private void Unlink(int list, int number)
    {
        ref BufferRegion region = ref _regions[number];
        if (region.Previous >= 0)
        {
            _regions[region.Previous].Next = region.Next;
        }
        else
        {
            Invariant.That(_listHeads[list] == number);
            _listHeads[list] = region.Next;
        }
        if (region.Next >= 0)
        {
            _regions[region.Next].Previous = region.Previous;
        }
        region.Previous = -1;
        region.Next = -1;
    }
}
