using System.Runtime.CompilerServices;
using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor;

/// <summary>How large a ring is; tests make it so small that its limits are reached.</summary>
/// <param name="Submissions">Entries between two calls of the kernel; a full queue is flushed in between.</param>
/// <param name="Completions">What does not fit the kernel keeps back until there is room.</param>
internal readonly record struct RingSizes(uint Submissions, uint Completions)
{
    /// <summary>Two completions per connection of a core with 2,000 busy ones. 82 KiB of kernel memory.</summary>
    public static RingSizes Default => new(256, 4096);
}

/// <summary>
/// One io_uring: its mapped queues, and the barriers around them.
/// </summary>
/// <remarks>
/// Owner: one core. Made on any thread in the disabled state; the thread that calls <see cref="Enable"/> is the single
/// issuer from then on. Completions appear only within <see cref="Enter"/> (deferred task run).
/// Shared words: we write the submission tail and the completion head, the kernel writes the submission head, its flags
/// and the completion tail. Each is read with acquire and written with release order, so entries are complete before
/// the index that publishes them, and are read before the index that frees them.
/// </remarks>
internal sealed unsafe class Ring : IDisposable
{
    /// <summary>What the loop is built on (kernel 6.1).</summary>
    private const RingSetupFlags Needed =
        RingSetupFlags.IORING_SETUP_R_DISABLED
        | RingSetupFlags.IORING_SETUP_SINGLE_ISSUER
        | RingSetupFlags.IORING_SETUP_DEFER_TASKRUN
        | RingSetupFlags.IORING_SETUP_TASKRUN_FLAG
        | RingSetupFlags.IORING_SETUP_SUBMIT_ALL
        | RingSetupFlags.IORING_SETUP_CQSIZE
        | RingSetupFlags.IORING_SETUP_CLAMP;

    private readonly nint _queues;
    private readonly long _queuesBytes;
    private readonly nint _entries;
    private readonly long _entriesBytes;
    private readonly io_uring_sqe* _sqes;
    private readonly io_uring_cqe* _cqes;
    private readonly uint* _sqHead;
    private readonly uint* _sqTail;
    private readonly uint* _sqFlags;
    private readonly uint* _cqHead;
    private readonly uint* _cqTail;
    private readonly uint _sqMask;
    private readonly uint _cqMask;

    /// <summary>Our own tail: entries up to here are filled in, the kernel sees them after <see cref="Publish"/>.</summary>
    private uint _tail;

    private Ring(Fd fd, in io_uring_params parameters, nint queues, long queuesBytes, nint entries, long entriesBytes)
    {
        Fd = fd;
        _queues = queues;
        _queuesBytes = queuesBytes;
        _entries = entries;
        _entriesBytes = entriesBytes;
        // SAFETY: the mappings live until Dispose; the kernel's offsets lie within them.
        byte* start = (byte*)queues;
        _sqes = (io_uring_sqe*)entries;
        _sqHead = (uint*)(start + parameters.sq_off.head);
        _sqTail = (uint*)(start + parameters.sq_off.tail);
        _sqFlags = (uint*)(start + parameters.sq_off.flags);
        _sqMask = *(uint*)(start + parameters.sq_off.ring_mask);
        _cqHead = (uint*)(start + parameters.cq_off.head);
        _cqTail = (uint*)(start + parameters.cq_off.tail);
        _cqMask = *(uint*)(start + parameters.cq_off.ring_mask);
        _cqes = (io_uring_cqe*)(start + parameters.cq_off.cqes);
        _tail = *_sqTail;
        if ((parameters.flags & RingSetupFlags.IORING_SETUP_NO_SQARRAY) == 0)
        {
            uint* array = (uint*)(start + parameters.sq_off.array);
            for (uint i = 0; i <= _sqMask; i++)
            {
                array[i] = i;
            }
        }
    }

    public Fd Fd { get; private set; }

    /// <summary>Calls of io_uring_enter.</summary>
    public long Enters { get; private set; }

    /// <summary>Counted requests (see <see cref="Next(IoToken)"/>) whose last completion has not been taken.</summary>
    public int Pending { get; private set; }

    /// <summary>Entries that the kernel has not taken yet.</summary>
    public uint Queued => _tail - Volatile.Read(ref *_sqHead);

    /// <summary>Completions wait in the queue.</summary>
    public bool HasCompletions => *_cqHead != Volatile.Read(ref *_cqTail);

    /// <summary>The kernel has deferred work, or completions that did not fit, which only an enter brings forth.</summary>
    public bool NeedsEnter =>
        (
            (SqRingFlags)Volatile.Read(ref *_sqFlags)
            & (SqRingFlags.IORING_SQ_TASKRUN | SqRingFlags.IORING_SQ_CQ_OVERFLOW)
        ) != 0;

    /// <summary>Null with the errno of the call that failed.</summary>
    public static Ring? TryCreate(RingSizes sizes, out Errno error, out string call)
    {
        call = "io_uring_setup";
        io_uring_params parameters = default;
        SysResult<Fd> made = Setup(sizes, Needed | RingSetupFlags.IORING_SETUP_NO_SQARRAY, ref parameters);
        if (made.Error == Errno.EINVAL)
        {
            made = Setup(sizes, Needed, ref parameters);
        }
        error = made.Error;
        if (!made.IsOk)
        {
            return null;
        }
        call = "mmap of the ring";
        Ring? ring = Map(made.Value, parameters, out error);
        if (ring is null)
        {
            Files.Close(made.Value);
        }
        return ring;
    }

    /// <summary>Makes the calling thread the ring's only issuer.</summary>
    public void Enable() =>
        IoRings.Register(Fd, RingRegister.IORING_REGISTER_ENABLE_RINGS, null, 0).OrStop("io_uring_register (enable)");

    /// <summary>Completions that can be taken now.</summary>
    public uint Ready => Volatile.Read(ref *_cqTail) - *_cqHead;

    /// <summary>An entry for a request that ends with one completion (the last, of a multishot) and then <see cref="Finish"/>.</summary>
    [HotPath]
    public io_uring_sqe* Next(IoToken token)
    {
        io_uring_sqe* sqe = Next();
        sqe->user_data = token.Bits;
        Pending++;
        return sqe;
    }

    /// <summary>An entry whose outcome nobody waits for: a cancellation, a message. Only its failure makes a completion.</summary>
    public io_uring_sqe* NextUnwatched()
    {
        io_uring_sqe* sqe = Next();
        sqe->flags = SqeFlags.IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = new IoToken(IoOperation.Ignored, 0, 0).Bits;
        return sqe;
    }

    [HotPath]
    public void Finish()
    {
        Pending--;
        Invariant.That(Pending >= 0);
    }

    /// <summary>Makes room for entries that must go to the kernel in one submission.</summary>
    public void Reserve(uint entries)
    {
        if (Queued + entries > _sqMask)
        {
            Submit();
        }
    }

    /// <summary>The next entry, cleared; a full queue is handed to the kernel first.</summary>
    [HotPath]
    private io_uring_sqe* Next()
    {
        if (Queued > _sqMask)
        {
            FlushFullSlow();
        }
        io_uring_sqe* sqe = &_sqes[_tail & _sqMask];
        *sqe = default;
        _tail++;
        return sqe;
    }

    /// <summary>
    /// Submits what is queued and, with <paramref name="wait"/>, waits for one completion, at most the given time
    /// (negative = no limit). Without it only deferred work is run.
    /// </summary>
    [HotPath]
    public void Enter(bool wait, long timeoutNanos)
    {
        Publish();
        Enters++;
        SysResult<int> entered = IoRings.Enter(
            Fd,
            Queued,
            wait ? 1u : 0u,
            RingEnterFlags.IORING_ENTER_GETEVENTS,
            wait ? timeoutNanos : Readiness.Forever
        );
        if (!entered.IsOk)
        {
            CheckEnterErrorSlow(entered.Error);
        }
    }

    /// <summary>Submits what is queued without looking for completions.</summary>
    public void Submit()
    {
        Publish();
        Enters++;
        SysResult<int> entered = IoRings.Enter(Fd, Queued, 0, RingEnterFlags.None);
        if (!entered.IsOk)
        {
            CheckEnterErrorSlow(entered.Error);
        }
    }

    /// <summary>Takes the oldest completion out of the queue.</summary>
    [HotPath]
    public bool TryTake(out io_uring_cqe completion)
    {
        uint head = *_cqHead;
        if (head == Volatile.Read(ref *_cqTail))
        {
            completion = default;
            return false;
        }
        completion = _cqes[head & _cqMask];
        Volatile.Write(ref *_cqHead, head + 1);
        return true;
    }

    /// <summary>The caller has made sure that no request is under way.</summary>
    public void Dispose()
    {
        if (!Fd.IsOpen)
        {
            return;
        }
        Mappings.Unmap(_entries, _entriesBytes).OrStop("munmap");
        Mappings.Unmap(_queues, _queuesBytes).OrStop("munmap");
        Files.Close(Fd);
        Fd = Fd.None;
    }

    private static SysResult<Fd> Setup(RingSizes sizes, RingSetupFlags flags, ref io_uring_params parameters)
    {
        parameters = new io_uring_params { flags = flags, cq_entries = sizes.Completions };
        return IoRings.Setup(sizes.Submissions, ref parameters);
    }

    private static Ring? Map(Fd fd, in io_uring_params parameters, out Errno error)
    {
        // A kernel with DEFER_TASKRUN maps both queues at once.
        Invariant.That((parameters.features & RingFeatures.IORING_FEAT_SINGLE_MMAP) != 0);
        long queuesBytes = Math.Max(
            parameters.sq_off.array + (parameters.sq_entries * sizeof(uint)),
            parameters.cq_off.cqes + (parameters.cq_entries * sizeof(io_uring_cqe))
        );
        SysResult<nint> queues = Mappings.MapRing(fd, RingOffset.IORING_OFF_SQ_RING, queuesBytes);
        if (!queues.IsOk)
        {
            error = queues.Error;
            return null;
        }
        long entriesBytes = parameters.sq_entries * sizeof(io_uring_sqe);
        SysResult<nint> entries = Mappings.MapRing(fd, RingOffset.IORING_OFF_SQES, entriesBytes);
        if (!entries.IsOk)
        {
            Mappings.Unmap(queues.Value, queuesBytes);
            error = entries.Error;
            return null;
        }
        error = Errno.None;
        return new Ring(fd, parameters, queues.Value, queuesBytes, entries.Value, entriesBytes);
    }

    [HotPath]
    private void Publish() => Volatile.Write(ref *_sqTail, _tail);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FlushFullSlow()
    {
        // A submission fails for a moment when the kernel is short of memory; completions cannot stand in the way,
        // since the kernel keeps what does not fit.
        for (int attempt = 0; Queued > _sqMask; attempt++)
        {
            Submit();
            Invariant.That(attempt < 1_000_000);
        }
    }

    private static void CheckEnterErrorSlow(Errno error)
    {
        switch (error)
        {
            // Short of memory or of completion slots: what is queued stays queued, the next turn comes again.
            case Errno.EAGAIN:
            case Errno.EBUSY:
            case Errno.ENOMEM:
                return;
            default:
                LinuxError.Stop("io_uring_enter", error);
                return;
        }
    }
}
