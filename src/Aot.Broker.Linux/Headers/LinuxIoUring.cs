using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// linux/io_uring.h: the structs. Its constants are in LinuxIoUringConstants.cs.

/// <summary>
/// One submission, 64 bytes. Fields at the same offset are the header's unions.
/// <code>
///  0 opcode  1 flags  2 ioprio  4 fd      8 off|addr2           16 addr
/// 24 len    28 op flags                  32 user_data           40 buf_index|buf_group  42 personality
/// 44 splice_fd_in|file_index             48 addr3               56 pad
/// </code>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct io_uring_sqe
{
    [FieldOffset(0)]
    public RingOp opcode;

    [FieldOffset(1)]
    public SqeFlags flags;

    /// <summary>Priority of file requests; for accept, recv and send their own flags (IORING_RECV_MULTISHOT, ...).</summary>
    [FieldOffset(2)]
    public ushort ioprio;

    [FieldOffset(4)]
    public int fd;

    [FieldOffset(8)]
    public ulong off;

    [FieldOffset(8)]
    public ulong addr2;

    [FieldOffset(16)]
    public ulong addr;

    [FieldOffset(16)]
    public ulong splice_off_in;

    [FieldOffset(24)]
    public uint len;

    [FieldOffset(28)]
    public uint rw_flags;

    [FieldOffset(28)]
    public FsyncFlags fsync_flags;

    [FieldOffset(28)]
    public uint poll32_events;

    [FieldOffset(28)]
    public uint sync_range_flags;

    [FieldOffset(28)]
    public uint msg_flags;

    [FieldOffset(28)]
    public TimeoutFlags timeout_flags;

    [FieldOffset(28)]
    public uint accept_flags;

    [FieldOffset(28)]
    public AsyncCancelFlags cancel_flags;

    [FieldOffset(28)]
    public uint open_flags;

    [FieldOffset(28)]
    public uint fadvise_advice;

    [FieldOffset(28)]
    public uint splice_flags;

    [FieldOffset(28)]
    public MsgRingFlags msg_ring_flags;

    [FieldOffset(32)]
    public ulong user_data;

    [FieldOffset(40)]
    public ushort buf_index;

    [FieldOffset(40)]
    public ushort buf_group;

    [FieldOffset(42)]
    public ushort personality;

    [FieldOffset(44)]
    public int splice_fd_in;

    [FieldOffset(44)]
    public uint file_index;

    [FieldOffset(44)]
    public ushort addr_len;

    [FieldOffset(48)]
    public ulong addr3;

    [FieldOffset(56)]
    public ulong __pad2;
}

/// <summary>One completion, 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct io_uring_cqe
{
    public ulong user_data;

    /// <summary>The result of the call, or a negative errno: see <see cref="Error"/>.</summary>
    public int res;
    public CqeFlags flags;

    public readonly bool IsOk => res >= 0;

    /// <summary>Another completion of the same submission follows (multishot).</summary>
    public readonly bool HasMore => (flags & CqeFlags.IORING_CQE_F_MORE) != 0;

    public readonly bool HasBuffer => (flags & CqeFlags.IORING_CQE_F_BUFFER) != 0;

    /// <summary>The provided buffer that holds the data; only where <see cref="HasBuffer"/>.</summary>
    public readonly ushort BufferId => (ushort)((uint)flags >> 16);

    public readonly Errno Error => res < 0 ? (Errno)(-res) : Errno.None;
}

[StructLayout(LayoutKind.Sequential)]
public struct io_sqring_offsets
{
    public uint head;
    public uint tail;
    public uint ring_mask;
    public uint ring_entries;
    public uint flags;
    public uint dropped;
    public uint array;
    public uint resv1;
    public ulong user_addr;
}

[StructLayout(LayoutKind.Sequential)]
public struct io_cqring_offsets
{
    public uint head;
    public uint tail;
    public uint ring_mask;
    public uint ring_entries;
    public uint overflow;
    public uint cqes;
    public uint flags;
    public uint resv1;
    public ulong user_addr;
}

/// <summary>Argument of io_uring_setup, filled in by the kernel. 120 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct io_uring_params
{
    public uint sq_entries;
    public uint cq_entries;
    public RingSetupFlags flags;
    public uint sq_thread_cpu;
    public uint sq_thread_idle;
    public RingFeatures features;
    public uint wq_fd;
    public fixed uint resv[3];
    public io_sqring_offsets sq_off;
    public io_cqring_offsets cq_off;
}

/// <summary>Argument of io_uring_enter with IORING_ENTER_EXT_ARG.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct io_uring_getevents_arg
{
    public ulong sigmask;
    public uint sigmask_sz;

    /// <summary>Called pad before kernel 6.12: the shortest wait in microseconds before min_complete is given up.</summary>
    public uint min_wait_usec;

    /// <summary>Address of a <see cref="__kernel_timespec"/>, 0 = no limit.</summary>
    public ulong ts;
}

/// <summary>A buffer that the kernel may receive into.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct io_uring_buf
{
    public ulong addr;
    public uint len;
    public ushort bid;

    /// <summary>In element 0 this is the ring's tail: <see cref="io_uring_buf_ring"/>.</summary>
    public ushort resv;
}

/// <summary>The head of a ring of <see cref="io_uring_buf"/>: it lies over element 0, whose resv field is the tail.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct io_uring_buf_ring
{
    public ulong resv1;
    public uint resv2;
    public ushort resv3;
    public ushort tail;
}

/// <summary>Argument of IORING_REGISTER_PBUF_RING and IORING_UNREGISTER_PBUF_RING.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct io_uring_buf_reg
{
    public ulong ring_addr;
    public uint ring_entries;
    public ushort bgid;

    /// <summary>Called pad before kernel 6.4 (IOU_PBUF_RING_MMAP and later flags).</summary>
    public ushort flags;
    public fixed ulong resv[3];
}

[StructLayout(LayoutKind.Sequential)]
public struct io_uring_probe_op
{
    public RingOp op;
    public byte resv;

    /// <summary>IO_URING_OP_SUPPORTED = 1.</summary>
    public ushort flags;
    public uint resv2;
}

/// <summary>Head of IORING_REGISTER_PROBE's answer; <see cref="io_uring_probe_op"/> elements follow.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct io_uring_probe
{
    public RingOp last_op;
    public byte ops_len;
    public ushort resv;
    public fixed uint resv2[3];
}

/// <summary>Element of IORING_REGISTER_RING_FDS and others.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct io_uring_rsrc_update
{
    public uint offset;
    public uint resv;
    public ulong data;
}
