using Aot.Broker.Base;

namespace Aot.Broker.Linux.Tests;

public sealed unsafe class IoRingCalls
{
    private const RingSetupFlags CoreFlags =
        RingSetupFlags.IORING_SETUP_SINGLE_ISSUER
        | RingSetupFlags.IORING_SETUP_DEFER_TASKRUN
        | RingSetupFlags.IORING_SETUP_SUBMIT_ALL
        | RingSetupFlags.IORING_SETUP_CQSIZE;

    /// <summary>One no-op through a real ring: every offset of the parameters is used. Where the system refuses rings, it says why.</summary>
    [Fact]
    public void A_no_op_goes_through_a_ring_and_comes_back_with_its_user_data()
    {
        io_uring_params parameters = new() { flags = CoreFlags, cq_entries = 32 };
        SysResult<Fd> ring = IoRings.Setup(8, ref parameters);
        if (!ring.IsOk)
        {
            Assert.True(ring.Error is Errno.ENOSYS or Errno.EPERM or Errno.ENOMEM or Errno.EINVAL, ring.ToString());
            return;
        }
        Assert.Equal(8u, parameters.sq_entries);
        Assert.Equal(32u, parameters.cq_entries);
        Assert.True(
            parameters.features.HasFlag(RingFeatures.IORING_FEAT_SINGLE_MMAP | RingFeatures.IORING_FEAT_EXT_ARG)
        );

        long ringBytes = Math.Max(
            parameters.sq_off.array + (parameters.sq_entries * sizeof(uint)),
            parameters.cq_off.cqes + (parameters.cq_entries * sizeof(io_uring_cqe))
        );
        long sqeBytes = parameters.sq_entries * sizeof(io_uring_sqe);
        nint shared = Mappings.MapRing(ring.Value, RingOffset.IORING_OFF_SQ_RING, ringBytes).Value;
        nint entries = Mappings.MapRing(ring.Value, RingOffset.IORING_OFF_SQES, sqeBytes).Value;
        byte* r = (byte*)shared;
        *(io_uring_sqe*)entries = new io_uring_sqe { opcode = RingOp.IORING_OP_NOP, user_data = 0x1122334455667788 };
        ((uint*)(r + parameters.sq_off.array))[0] = 0;
        Volatile.Write(ref *(uint*)(r + parameters.sq_off.tail), 1);

        Assert.Equal(1, IoRings.Enter(ring.Value, 1, 1, RingEnterFlags.IORING_ENTER_GETEVENTS, 1_000_000_000).Value);
        Assert.Equal(1u, Volatile.Read(ref *(uint*)(r + parameters.cq_off.tail)));
        io_uring_cqe cqe = *(io_uring_cqe*)(r + parameters.cq_off.cqes);
        Assert.Equal(0x1122334455667788UL, cqe.user_data);
        Assert.True(cqe.IsOk && !cqe.HasMore && !cqe.HasBuffer && cqe.Error == Errno.None);
        Volatile.Write(ref *(uint*)(r + parameters.cq_off.head), 1);

        long before = Clocks.MonotonicNanoseconds();
        SysResult<int> timedOut = IoRings.Enter(ring.Value, 0, 1, RingEnterFlags.IORING_ENTER_GETEVENTS, 1_000_000);
        Assert.Equal(0, timedOut.Value);
        Assert.True(Clocks.MonotonicNanoseconds() - before >= 1_000_000);

        Assert.True(Mappings.Unmap(entries, sqeBytes).IsOk);
        Assert.True(Mappings.Unmap(shared, ringBytes).IsOk);
        Assert.True(Files.Close(ring.Value).IsOk);
    }

    [Fact]
    public void A_probe_names_the_operations_that_are_missing()
    {
        io_uring_params parameters = default;
        SysResult<Fd> ring = IoRings.Setup(4, ref parameters);
        if (!ring.IsOk)
        {
            Assert.True(ring.Error is Errno.ENOSYS or Errno.EPERM or Errno.ENOMEM, ring.ToString());
            return;
        }

        RingOp[] wanted = [RingOp.IORING_OP_ACCEPT, RingOp.IORING_OP_RECV, (RingOp)250, RingOp.IORING_OP_FSYNC];
        Assert.True(IoRings.Probe(ring.Value, wanted, out IReadOnlyList<RingOp> missing).IsOk);

        Assert.Equal([(RingOp)250], missing);
        Assert.True(Files.Close(ring.Value).IsOk);
    }

    [Fact]
    public void A_flag_that_no_kernel_knows_is_refused()
    {
        io_uring_params parameters = new() { flags = (RingSetupFlags)(1u << 31) };

        SysResult<Fd> ring = IoRings.Setup(4, ref parameters);

        Assert.True(ring.Error is Errno.EINVAL or Errno.ENOSYS or Errno.EPERM, ring.ToString());
    }

    [Fact]
    public void Registering_a_buffer_ring_with_a_bad_address_is_refused()
    {
        io_uring_params parameters = default;
        SysResult<Fd> ring = IoRings.Setup(4, ref parameters);
        if (!ring.IsOk)
        {
            Assert.True(ring.Error is Errno.ENOSYS or Errno.EPERM or Errno.ENOMEM, ring.ToString());
            return;
        }

        Assert.Equal(
            Errno.EFAULT,
            IoRings.Register(ring.Value, RingRegister.IORING_REGISTER_PBUF_RING, (void*)8, 1).Error
        );
        Assert.True(Files.Close(ring.Value).IsOk);
    }
}
