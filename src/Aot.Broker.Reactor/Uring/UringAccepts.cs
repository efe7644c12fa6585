using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor;

/// <summary>Accepting through the ring: one multishot request per listening socket. Owner: one core.</summary>
// SAFETY: the only pointers are those to submission entries, which the ring maps for its whole life and this core alone fills.
internal sealed unsafe class UringAccepts(UringIo io, Ring ring)
{
    public void Arm(Acceptor acceptor)
    {
        io_uring_sqe* sqe = ring.Next(TokenOf(acceptor));
        sqe->opcode = RingOp.IORING_OP_ACCEPT;
        sqe->ioprio = (ushort)AcceptFlags.IORING_ACCEPT_MULTISHOT;
        sqe->fd = acceptor.Listener.Value;
        sqe->accept_flags = (uint)(SocketType.SOCK_NONBLOCK | SocketType.SOCK_CLOEXEC);
        acceptor.IsArmed = true;
    }

    /// <summary>Takes the request back; its last completion then closes the listening socket.</summary>
    public void Stop(Acceptor acceptor)
    {
        if (!acceptor.IsArmed)
        {
            io.Remove(acceptor);
            return;
        }
        io_uring_sqe* sqe = ring.NextUnwatched();
        sqe->opcode = RingOp.IORING_OP_ASYNC_CANCEL;
        sqe->addr = TokenOf(acceptor).Bits;
    }

    public void Complete(Acceptor acceptor, in io_uring_cqe completion)
    {
        if (!completion.HasMore)
        {
            ring.Finish();
            acceptor.IsArmed = false;
        }
        Report(acceptor, completion);
        if (acceptor.IsArmed)
        {
            return;
        }
        if (acceptor.Stopping)
        {
            io.Remove(acceptor);
        }
        else if (LinuxIo.IsShortage(completion.Error))
        {
            io.ScheduleAcceptAgain(new AcceptAgain(this, acceptor));
        }
        else
        {
            Arm(acceptor);
        }
    }

    /// <summary>At tear-down: what was still accepted is closed.</summary>
    public void Drop(in io_uring_cqe completion)
    {
        if (completion.IsOk)
        {
            Files.Close(new Fd(completion.res));
        }
        if (!completion.HasMore)
        {
            ring.Finish();
        }
    }

    private static void Report(Acceptor acceptor, in io_uring_cqe completion)
    {
        if (acceptor.Stopping)
        {
            if (completion.IsOk)
            {
                Files.Close(new Fd(completion.res));
            }
        }
        else if (completion.IsOk)
        {
            acceptor.Target.OnAccepted(new Fd(completion.res));
        }
        else
        {
            acceptor.Target.OnAcceptFailed(completion.Error);
        }
    }

    private static IoToken TokenOf(Acceptor acceptor) => new(IoOperation.Accept, acceptor.Index, 0);

    /// <summary>After a shortage: the pause is over.</summary>
    private sealed class AcceptAgain(UringAccepts accepts, Acceptor acceptor) : ITimerTarget
    {
        public void OnTimer(long token)
        {
            if (!acceptor.Stopping)
            {
                accepts.Arm(acceptor);
            }
        }
    }
}
