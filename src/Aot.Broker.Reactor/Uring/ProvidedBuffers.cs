using System.Runtime.CompilerServices;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>
/// The ring of buffers from which the kernel takes one when bytes arrive, so that a waiting connection holds none.
/// </summary>
/// <remarks>
/// Owner: one core. Each buffer comes from the core's pool. When a completion names one, it goes to the connection and
/// another takes its place under the same id. It starts with 16 buffers and doubles, up to 256, whenever receives find
/// it empty: idle memory stays at 256 KiB per core, and a core with hundreds of busy connections pays for the
/// difference (ENOBUFS and a second submission) only in its first turns.
/// The kernel reads entries up to the tail that we publish; a buffer belongs to it from then until a completion names it.
/// </remarks>
internal sealed unsafe class ProvidedBuffers
{
    public const ushort Group = 0;
    public const int BufferBytes = 16 * 1024;
    private const int SlotsMax = 256;
    private const int SlotsAtStart = 16;
    private const int MappedBytes = SlotsMax * 16;

    /// <summary>Where the tail lies in the ring's first entry (io_uring_buf_ring.tail).</summary>
    private const int TailPosition = 14;

    private readonly BufferPool _pool;
    private readonly BufferHandle[] _buffers = new BufferHandle[SlotsMax];
    private readonly Stack<ushort> _empty = new(SlotsMax);
    private readonly nint _memory;
    private int _slots;
    private ushort _tail;

    public ProvidedBuffers(BufferPool pool)
    {
        _pool = pool;
        _memory = Mappings
            .MapAnonymous(MappedBytes, MapProtection.PROT_READ | MapProtection.PROT_WRITE)
            .OrThrow("mmap of the buffer ring");
    }

    /// <summary>Ids in use, with a buffer or waiting for one.</summary>
    public int Slots => _slots;

    /// <summary>The kernel has, or had a moment ago, a buffer to take.</summary>
    public bool HasAny => _empty.Count < _slots;

    /// <summary>The pool had no buffer for some ids.</summary>
    public bool HasEmpty => _empty.Count > 0;

    public SysResult<int> Register(Fd ring)
    {
        io_uring_buf_reg registration = new()
        {
            ring_addr = (ulong)_memory,
            ring_entries = SlotsMax,
            bgid = Group,
        };
        return IoRings.Register(ring, RingRegister.IORING_REGISTER_PBUF_RING, &registration, 1);
    }

    /// <summary>Gives the kernel its first buffers.</summary>
    public void Fill() => GrowTo(SlotsAtStart);

    /// <summary>The buffer that a completion names, now the caller's; a fresh one takes its place.</summary>
    [HotPath]
    public BufferHandle Take(ushort id)
    {
        BufferHandle taken = _buffers[id];
        Provide(id);
        return taken;
    }

    /// <summary>A completion named a buffer but put nothing into it.</summary>
    public void GiveBack(ushort id) => Append(id);

    /// <summary>A receive found the ring empty: more buffers, if there may be more and the pool has them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void GrowSlow()
    {
        RefillSlow();
        if (!HasEmpty)
        {
            GrowTo(Math.Min(SlotsMax, _slots * 2));
        }
    }

    /// <summary>Buffers for the ids that went without, as far as the pool has them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void RefillSlow()
    {
        for (int tries = _empty.Count; tries > 0; tries--)
        {
            Provide(_empty.Pop());
        }
    }

    /// <summary>After the ring is closed, or when no receive is under way.</summary>
    public void Dispose()
    {
        for (int id = 0; id < _slots; id++)
        {
            if (!_buffers[id].IsNone)
            {
                _pool.Release(ref _buffers[id]);
            }
        }
        _slots = 0;
        Mappings.Unmap(_memory, MappedBytes).OrStop("munmap");
    }

    private void GrowTo(int slots)
    {
        while (_slots < slots)
        {
            Provide((ushort)_slots);
            _slots++;
        }
    }

    private void Provide(ushort id)
    {
        if (_pool.TryRent(BufferBytes, out _buffers[id]))
        {
            Append(id);
            return;
        }
        _buffers[id] = BufferHandle.None;
        _empty.Push(id);
    }

    private void Append(ushort id)
    {
        // SAFETY: the mapping lives until Dispose. The kernel reads an entry only once the tail has passed it, and the
        // store of the tail is ordered after those of the entry. The entry's last two bytes are not written: in the
        // first entry they are the tail.
        io_uring_buf* entry = (io_uring_buf*)_memory + (_tail & (SlotsMax - 1));
        entry->addr = (ulong)_pool.Pointer(_buffers[id]);
        entry->len = BufferBytes;
        entry->bid = id;
        _tail++;
        Volatile.Write(ref *(ushort*)(_memory + TailPosition), _tail);
    }
}
