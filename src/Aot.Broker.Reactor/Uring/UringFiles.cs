using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor;

/// <summary>File operations through the ring. Owner: one core. The kernel runs them on its own workers.</summary>
internal sealed unsafe class UringFiles
{
    /// <summary>One read-ahead; a longer one is cut, which costs its caller a second request.</summary>
    private const long ReadAheadBytesMax = 1L << 30;

    private readonly Ring _ring;
    private readonly FileRequests _requests = new();
    private readonly nint _scratch;

    public UringFiles(Ring ring)
    {
        _ring = ring;
        _scratch = Mappings
            .MapAnonymous(Mappings.PageBytes, MapProtection.PROT_READ | MapProtection.PROT_WRITE)
            .OrThrow("mmap");
    }

    /// <summary>Operations under way.</summary>
    public int Count => _requests.Count;

    public void Sync(Fd file, bool dataOnly, IFileTarget target, long token)
    {
        io_uring_sqe* sqe = Next(target, token);
        sqe->opcode = RingOp.IORING_OP_FSYNC;
        sqe->fd = file.Value;
        sqe->fsync_flags = dataOnly ? FsyncFlags.IORING_FSYNC_DATASYNC : FsyncFlags.None;
    }

    /// <summary>
    /// Starts read-ahead of the range and then reads its last byte, which waits until that page is there; the pages
    /// before it were asked for first. The two are linked, so they go to the kernel together.
    /// </summary>
    public void ReadAhead(Fd file, long position, long length, IFileTarget target, long token)
    {
        long bytes = Math.Min(length, ReadAheadBytesMax);
        _ring.Reserve(2);
        io_uring_sqe* advice = _ring.NextUnwatched();
        advice->opcode = RingOp.IORING_OP_FADVISE;
        advice->flags |= SqeFlags.IOSQE_IO_HARDLINK;
        advice->fd = file.Value;
        advice->off = (ulong)position;
        advice->len = (uint)bytes;
        advice->fadvise_advice = (uint)FileAdvice.POSIX_FADV_WILLNEED;
        io_uring_sqe* read = Next(target, token);
        read->opcode = RingOp.IORING_OP_READ;
        read->fd = file.Value;
        read->off = (ulong)(position + bytes - 1);
        // SAFETY: nobody reads the scratch page; it lives until the ring is closed.
        read->addr = (ulong)_scratch;
        read->len = 1;
    }

    public IFileTarget Complete(IoToken token, long result)
    {
        _ring.Finish();
        _requests.Take(token.Slot, out IFileTarget target, out long fileToken);
        target.OnFileDone(fileToken, result);
        return target;
    }

    /// <summary>At tear-down: the operation is over and nobody listens any more.</summary>
    public void Drop(IoToken token)
    {
        _ring.Finish();
        _requests.Take(token.Slot, out _, out _);
    }

    public void Dispose() => Mappings.Unmap(_scratch, Mappings.PageBytes).OrStop("munmap");

    private io_uring_sqe* Next(IFileTarget target, long token) =>
        _ring.Next(new IoToken(IoOperation.File, _requests.Add(target, token), 0));
}
