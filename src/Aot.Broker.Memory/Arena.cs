using System.Runtime.CompilerServices;
using Aot.Broker.Base;
using Aot.Broker.Linux;

[assembly: DisableRuntimeMarshalling]

namespace Aot.Broker.Memory;

/// <summary>
/// The off-heap memory of one core: what it may hold is the sum of its named shares, and each holder (request buffers,
/// receive ring, ...) takes whole mappings within its own share, so that no holder can starve another.
/// </summary>
/// <remarks>
/// Owner: the core. All members are for its thread, except the counters, which any thread may read as they pass by.
/// Lifetime: from before the core's first turn to after its last; <see cref="Dispose"/> finds what was not given back.
/// Invariants: CapacityBytes = sum of the shares' limits; MappedBytes = sum of the shares' MappedBytes, never above it.
/// Mapping costs address space only. A page becomes resident at its first touch, or by <see cref="ArenaShare.Warm"/>.
/// Non-goals: small allocations (that is <see cref="BufferPool"/>), sharing between cores.
/// </remarks>
public sealed class Arena(CoreIndex owner) : IDisposable
{
    private readonly List<ArenaShare> _shares = [];

    public CoreIndex Owner { get; } = owner;

    public IReadOnlyList<ArenaShare> Shares => _shares;

    public long CapacityBytes => _shares.Sum(share => share.BytesMax);

    public long MappedBytes => _shares.Sum(share => share.MappedBytes);

    /// <summary>Adds to the capacity. Before the core's first turn.</summary>
    public ArenaShare AddShare(string holder, long bytesMax)
    {
        Invariant.That(bytesMax > 0);
        Invariant.That(_shares.TrueForAll(share => share.Holder != holder));
        ArenaShare share = new(holder, bytesMax);
        _shares.Add(share);
        return share;
    }

    /// <summary>One line: the capacity as its sum.</summary>
    public override string ToString() =>
        $"core {Owner}: {CapacityBytes} bytes = {string.Join(" + ", _shares.Select(s => $"{s.Holder} {s.BytesMax}"))}";

    public void Dispose()
    {
        foreach (ArenaShare share in _shares)
        {
            share.AssertNothingMapped();
        }
    }
}

/// <summary>One holder's part of an <see cref="Arena"/>; same owner, same lifetime.</summary>
public sealed class ArenaShare
{
    private const MapProtection ReadWrite = MapProtection.PROT_READ | MapProtection.PROT_WRITE;

    internal ArenaShare(string holder, long bytesMax)
    {
        Holder = holder;
        BytesMax = bytesMax;
    }

    public string Holder { get; }

    public long BytesMax { get; }

    /// <summary>Bytes mapped now. Guard pages are not counted: they take address space, never memory.</summary>
    public long MappedBytes { get; private set; }

    /// <summary>
    /// Maps zeroed memory, not touched yet. False = the share is used up, or the kernel has no memory left (ENOMEM).
    /// With guard bytes, the mapping is longer by them and its user protects the parts that it wants to guard.
    /// </summary>
    public bool TryMap(long bytes, out nint address, long guardBytes = 0)
    {
        Invariant.That(bytes > 0 && bytes % Mappings.PageBytes == 0 && guardBytes % Mappings.PageBytes == 0);
        address = 0;
        if (bytes > BytesMax - MappedBytes)
        {
            return false;
        }
        // NORESERVE: under strict overcommit an untouched region would be charged as if it were used.
        SysResult<nint> mapped = Mappings.MapAnonymous(bytes + guardBytes, ReadWrite, MapFlags.MAP_NORESERVE);
        switch (mapped.Error)
        {
            case Errno.None:
                MappedBytes += bytes;
                address = mapped.Value;
                return true;
            case Errno.ENOMEM or Errno.EAGAIN:
                return false;
            default:
                LinuxError.Stop("mmap", mapped.Error);
                return false;
        }
    }

    /// <summary>Gives a mapping of <see cref="TryMap"/> back whole; nobody may hold a pointer into it.</summary>
    public void Unmap(nint address, long bytes, long guardBytes = 0)
    {
        Invariant.That(bytes <= MappedBytes);
        Mappings.Unmap(address, bytes + guardBytes).OrStop("munmap");
        MappedBytes -= bytes;
    }

    /// <summary>
    /// Touches every page now, so that the first requests do not pay for it (2.5-3.4 us per fresh page of a virtual
    /// machine). False = the kernel cannot (before 5.14, or out of memory): the pages then come at first use.
    /// </summary>
    public static bool Warm(nint address, long bytes) =>
        Mappings.Advise(address, bytes, MapAdvice.MADV_POPULATE_WRITE).IsOk;

    internal void AssertNothingMapped()
    {
        if (MappedBytes != 0)
        {
            throw Invariant.Unreachable($"arena share '{Holder}' still holds {MappedBytes} bytes");
        }
    }
}
