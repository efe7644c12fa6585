using System.Runtime.InteropServices;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>Names a connection of one core's <see cref="CoreIo"/>. A handle of a closed connection is recognized by its generation.</summary>
public readonly record struct IoHandle(int Slot, int Generation)
{
    public static IoHandle None => new(-1, 0);
}

/// <summary>
/// A piece of a vectored send or write. The same 16 bytes as the kernel's iovec on a little-endian machine:
/// <code>
/// 0 Address   8 Length   12 zero (the upper half of iov_len)
/// </code>
/// Made by its constructor (or in zeroed memory): the last four bytes have to be zero.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = SizeInBytes)]
public unsafe struct IoPiece(byte* address, int length)
{
    public const int SizeInBytes = 16;

    public byte* Address = address;
    public int Length = length;
    private readonly int _zero = 0;

    /// <summary>A part of a pooled buffer, which the caller owns for as long as the piece is used.</summary>
    [HotPath]
    public static IoPiece Of(BufferPool pool, BufferHandle buffer, int offset, int length)
    {
        Invariant.That(offset >= 0 && length >= 0 && offset <= pool.Capacity(buffer) - length);
        // SAFETY: the range lies in the buffer (checked above), which stays mapped while the caller owns it.
        return new IoPiece(pool.Pointer(buffer) + offset, length);
    }
}

public interface IAcceptTarget
{
    /// <summary>The socket is the callee's: it attaches it, mails it to another core, or closes it.</summary>
    void OnAccepted(Fd socket);

    /// <summary>Accepting failed (out of descriptors or memory). The backend tries again by itself after a pause.</summary>
    void OnAcceptFailed(Errno errno);
}

/// <summary>
/// What a connection hears from its core's I/O. Every call comes from the loop, never from inside the call that
/// caused it, and none comes after <see cref="OnClosed"/>. After <see cref="CoreIo.Close"/> only OnClosed comes.
/// </summary>
public interface IConnectionEvents
{
    /// <summary>Answer to Receive. The buffer is now the callee's; length 0 is the end of the stream (the buffer is then default).</summary>
    void OnReceived(BufferHandle buffer, int length);

    /// <summary>Answer to ReceiveInto; 0 is the end of the stream.</summary>
    void OnReceivedInto(int length);

    /// <summary>Reading or polling failed; nothing is outstanding any more for that call. The callee closes.</summary>
    void OnFailed(Errno errno);

    /// <summary>Answer to ArmWritable. It may be early: the send says.</summary>
    void OnWritable();

    /// <summary>The kernel holds no reference to the connection's buffers any more; they may be released now.</summary>
    void OnClosed();
}

/// <summary>Hears the end of a file operation of <see cref="CoreIo"/>: result &gt;= 0, or a negative errno.</summary>
public interface IFileTarget
{
    void OnFileDone(long token, long result);
}

/// <summary>Which backend a core group uses.</summary>
public enum IoMode
{
    /// <summary>io_uring where the kernel allows it, epoll otherwise.</summary>
    Auto,
    Uring,
    Epoll,
}
