namespace Aot.Broker.Linux;

// linux/io_uring.h: the constants that the ring backend uses. What is newer than kernel 6.1 says so.

public enum RingOp : byte
{
    IORING_OP_NOP = 0,
    IORING_OP_READV = 1,
    IORING_OP_WRITEV = 2,
    IORING_OP_FSYNC = 3,
    IORING_OP_READ_FIXED = 4,
    IORING_OP_WRITE_FIXED = 5,
    IORING_OP_POLL_ADD = 6,
    IORING_OP_POLL_REMOVE = 7,
    IORING_OP_SYNC_FILE_RANGE = 8,
    IORING_OP_SENDMSG = 9,
    IORING_OP_RECVMSG = 10,
    IORING_OP_TIMEOUT = 11,
    IORING_OP_TIMEOUT_REMOVE = 12,
    IORING_OP_ACCEPT = 13,
    IORING_OP_ASYNC_CANCEL = 14,
    IORING_OP_LINK_TIMEOUT = 15,
    IORING_OP_CONNECT = 16,
    IORING_OP_FALLOCATE = 17,
    IORING_OP_OPENAT = 18,
    IORING_OP_CLOSE = 19,
    IORING_OP_STATX = 21,
    IORING_OP_READ = 22,
    IORING_OP_WRITE = 23,
    IORING_OP_FADVISE = 24,
    IORING_OP_MADVISE = 25,
    IORING_OP_SEND = 26,
    IORING_OP_RECV = 27,
    IORING_OP_SPLICE = 30,
    IORING_OP_PROVIDE_BUFFERS = 31,
    IORING_OP_REMOVE_BUFFERS = 32,
    IORING_OP_SHUTDOWN = 34,
    IORING_OP_MSG_RING = 40,
    IORING_OP_SOCKET = 45,
    IORING_OP_SEND_ZC = 47,
    IORING_OP_SENDMSG_ZC = 48,
}

[Flags]
public enum SqeFlags : byte
{
    None = 0,
    IOSQE_FIXED_FILE = 1 << 0,
    IOSQE_IO_DRAIN = 1 << 1,
    IOSQE_IO_LINK = 1 << 2,
    IOSQE_IO_HARDLINK = 1 << 3,
    IOSQE_ASYNC = 1 << 4,
    IOSQE_BUFFER_SELECT = 1 << 5,
    IOSQE_CQE_SKIP_SUCCESS = 1 << 6,
}

[Flags]
public enum CqeFlags : uint
{
    None = 0,
    IORING_CQE_F_BUFFER = 1u << 0,
    IORING_CQE_F_MORE = 1u << 1,
    IORING_CQE_F_SOCK_NONEMPTY = 1u << 2,
    IORING_CQE_F_NOTIF = 1u << 3,
}

[Flags]
public enum RingSetupFlags : uint
{
    None = 0,
    IORING_SETUP_IOPOLL = 1u << 0,
    IORING_SETUP_SQPOLL = 1u << 1,
    IORING_SETUP_SQ_AFF = 1u << 2,
    IORING_SETUP_CQSIZE = 1u << 3,
    IORING_SETUP_CLAMP = 1u << 4,
    IORING_SETUP_ATTACH_WQ = 1u << 5,
    IORING_SETUP_R_DISABLED = 1u << 6,
    IORING_SETUP_SUBMIT_ALL = 1u << 7,
    IORING_SETUP_COOP_TASKRUN = 1u << 8,
    IORING_SETUP_TASKRUN_FLAG = 1u << 9,
    IORING_SETUP_SQE128 = 1u << 10,
    IORING_SETUP_CQE32 = 1u << 11,
    IORING_SETUP_SINGLE_ISSUER = 1u << 12,
    IORING_SETUP_DEFER_TASKRUN = 1u << 13,

    /// <summary>The caller gives the ring's memory. Kernel 6.5.</summary>
    IORING_SETUP_NO_MMAP = 1u << 14,

    /// <summary>Kernel 6.5.</summary>
    IORING_SETUP_REGISTERED_FD_ONLY = 1u << 15,

    /// <summary>No indirection between the submission ring and its entries. Kernel 6.6.</summary>
    IORING_SETUP_NO_SQARRAY = 1u << 16,
}

[Flags]
public enum RingEnterFlags : uint
{
    None = 0,
    IORING_ENTER_GETEVENTS = 1u << 0,
    IORING_ENTER_SQ_WAKEUP = 1u << 1,
    IORING_ENTER_SQ_WAIT = 1u << 2,
    IORING_ENTER_EXT_ARG = 1u << 3,
    IORING_ENTER_REGISTERED_RING = 1u << 4,

    /// <summary>The wait's time is absolute. Kernel 6.12.</summary>
    IORING_ENTER_ABS_TIMER = 1u << 5,
}

[Flags]
public enum RingFeatures : uint
{
    None = 0,
    IORING_FEAT_SINGLE_MMAP = 1u << 0,
    IORING_FEAT_NODROP = 1u << 1,
    IORING_FEAT_SUBMIT_STABLE = 1u << 2,
    IORING_FEAT_RW_CUR_POS = 1u << 3,
    IORING_FEAT_CUR_PERSONALITY = 1u << 4,
    IORING_FEAT_FAST_POLL = 1u << 5,
    IORING_FEAT_POLL_32BITS = 1u << 6,
    IORING_FEAT_SQPOLL_NONFIXED = 1u << 7,
    IORING_FEAT_EXT_ARG = 1u << 8,
    IORING_FEAT_NATIVE_WORKERS = 1u << 9,
    IORING_FEAT_RSRC_TAGS = 1u << 10,
    IORING_FEAT_CQE_SKIP = 1u << 11,
    IORING_FEAT_LINKED_FILE = 1u << 12,
}

/// <summary>Bits of the word at sq_off.flags, written by the kernel.</summary>
[Flags]
public enum SqRingFlags : uint
{
    None = 0,
    IORING_SQ_NEED_WAKEUP = 1u << 0,
    IORING_SQ_CQ_OVERFLOW = 1u << 1,
    IORING_SQ_TASKRUN = 1u << 2,
}

/// <summary>mmap offsets of a ring's parts.</summary>
public enum RingOffset : long
{
    IORING_OFF_SQ_RING = 0,
    IORING_OFF_CQ_RING = 0x8000000,
    IORING_OFF_SQES = 0x10000000,
}

public enum RingRegister : uint
{
    IORING_REGISTER_BUFFERS = 0,
    IORING_UNREGISTER_BUFFERS = 1,
    IORING_REGISTER_FILES = 2,
    IORING_UNREGISTER_FILES = 3,
    IORING_REGISTER_EVENTFD = 4,
    IORING_UNREGISTER_EVENTFD = 5,
    IORING_REGISTER_PROBE = 8,
    IORING_REGISTER_ENABLE_RINGS = 12,
    IORING_REGISTER_IOWQ_AFF = 17,
    IORING_UNREGISTER_IOWQ_AFF = 18,
    IORING_REGISTER_IOWQ_MAX_WORKERS = 19,
    IORING_REGISTER_RING_FDS = 20,
    IORING_UNREGISTER_RING_FDS = 21,
    IORING_REGISTER_PBUF_RING = 22,
    IORING_UNREGISTER_PBUF_RING = 23,
    IORING_REGISTER_SYNC_CANCEL = 24,
}

/// <summary>Flags of a probe element.</summary>
[Flags]
public enum ProbeFlags : ushort
{
    IO_URING_OP_SUPPORTED = 1,
}

[Flags]
public enum FsyncFlags : uint
{
    None = 0,
    IORING_FSYNC_DATASYNC = 1u << 0,
}

[Flags]
public enum TimeoutFlags : uint
{
    None = 0,
    IORING_TIMEOUT_ABS = 1u << 0,
    IORING_TIMEOUT_UPDATE = 1u << 1,
    IORING_TIMEOUT_BOOTTIME = 1u << 2,
    IORING_TIMEOUT_REALTIME = 1u << 3,
    IORING_TIMEOUT_ETIME_SUCCESS = 1u << 5,
}

/// <summary>Of POLL_ADD, in sqe.len.</summary>
[Flags]
public enum PollAddFlags : uint
{
    None = 0,
    IORING_POLL_ADD_MULTI = 1u << 0,
    IORING_POLL_UPDATE_EVENTS = 1u << 1,
    IORING_POLL_UPDATE_USER_DATA = 1u << 2,
    IORING_POLL_ADD_LEVEL = 1u << 3,
}

[Flags]
public enum AsyncCancelFlags : uint
{
    None = 0,
    IORING_ASYNC_CANCEL_ALL = 1u << 0,
    IORING_ASYNC_CANCEL_FD = 1u << 1,
    IORING_ASYNC_CANCEL_ANY = 1u << 2,
    IORING_ASYNC_CANCEL_FD_FIXED = 1u << 3,
    IORING_ASYNC_CANCEL_USERDATA = 1u << 4,
    IORING_ASYNC_CANCEL_OP = 1u << 5,
}

/// <summary>Of send and recv, in sqe.ioprio.</summary>
[Flags]
public enum RecvSendFlags : ushort
{
    None = 0,
    IORING_RECVSEND_POLL_FIRST = 1 << 0,
    IORING_RECV_MULTISHOT = 1 << 1,
    IORING_RECVSEND_FIXED_BUF = 1 << 2,
}

/// <summary>Of accept, in sqe.ioprio.</summary>
[Flags]
public enum AcceptFlags : ushort
{
    None = 0,
    IORING_ACCEPT_MULTISHOT = 1 << 0,
}

/// <summary>Commands of MSG_RING, in sqe.addr.</summary>
public enum MsgRingCommand : ulong
{
    IORING_MSG_DATA = 0,
    IORING_MSG_SEND_FD = 1,
}

[Flags]
public enum MsgRingFlags : uint
{
    None = 0,
    IORING_MSG_RING_CQE_SKIP = 1u << 0,

    /// <summary>Passes sqe.file_index as the cqe's flags. Kernel 6.3.</summary>
    IORING_MSG_RING_FLAGS_PASS = 1u << 1,
}
