using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Memory;

namespace Aot.Broker.Server.Connections;

/// <summary>What the assembler needs before it can give the next frame.</summary>
internal enum FrameStep
{
    /// <summary>A whole frame was given out.</summary>
    Frame,

    /// <summary>Any bytes: give them with <see cref="FrameAssembler.Feed"/>.</summary>
    NeedBytes,

    /// <summary>Bytes of a frame that has its own buffer: receive into <see cref="FrameAssembler.Target"/>.</summary>
    NeedIntoFrame,

    /// <summary>The budget of bytes in flight is used up; ask again when some were returned.</summary>
    OverBudget,

    /// <summary>The length prefix is negative or beyond the limit: the connection cannot go on.</summary>
    BadLength,
}

/// <summary>
/// One request frame without its length prefix. Holds one reference of its buffer and its share of the budget until
/// <see cref="FrameAssembler.Release"/>.
/// </summary>
internal struct Frame
{
    public BufferHandle Buffer;
    public int Offset;
    public int Length;

    /// <summary>Bytes charged to the budget.</summary>
    public int Charged;
}

/// <summary>
/// Cuts the byte stream of one connection into frames (int32 length, then that many bytes).
///
/// Frames that lie whole in a received buffer are given out in place, each with a reference of its own. A frame that
/// does not fit gets a buffer of its own: small at first, grown only as bytes really come, so that a length prefix alone
/// never reserves what it names. Its last bytes are received straight into it, so check-sums and file writes see one
/// contiguous piece. Without a partial frame and without unread bytes the assembler holds no buffer; the first bytes of a
/// length prefix are kept in a field.
///
/// Owned by a connection on its core. The received buffer is held until its last byte was read.
/// </summary>
internal sealed class FrameAssembler(BufferPool pool, CoreMemoryBudget budget, int frameBytesMax)
{
    /// <summary>First reservation for a frame that did not arrive in one piece; later ones at most quadruple.</summary>
    public const int FirstReservationBytes = 64 * 1024;

    private const int PrefixBytes = 4;

    private BufferHandle _received;
    private int _position;
    private int _end;

    private uint _prefix;
    private int _prefixBytes;

    private Frame _partial;
    private int _partialBytes;
    private int _partialCapacity;
    private ConnectionMemory _memory;

    /// <summary>Bytes that were received but not yet given out.</summary>
    public bool HasUnread => _position < _end;

    /// <summary>A frame has begun and is not whole yet.</summary>
    public bool InFrame => !_partial.Buffer.IsNone || _prefixBytes > 0;

    /// <summary>Takes over a received buffer. Only after <see cref="FrameStep.NeedBytes"/>.</summary>
    [HotPath]
    public void Feed(BufferHandle buffer, int length)
    {
        Invariant.That(!HasUnread && length > 0);
        _received = buffer;
        _position = 0;
        _end = length;
    }

    /// <summary>Where the rest of the current frame goes. Only after <see cref="FrameStep.NeedIntoFrame"/>.</summary>
    [HotPath]
    public void Target(out BufferHandle buffer, out int offset, out int length)
    {
        buffer = _partial.Buffer;
        offset = _partialBytes;
        length = Math.Min(_partialCapacity, _partial.Length) - _partialBytes;
        Invariant.That(length > 0);
    }

    /// <summary>Bytes that came into <see cref="Target"/>.</summary>
    [HotPath]
    public void Filled(int bytes)
    {
        Invariant.That(bytes > 0 && bytes <= _partial.Length - _partialBytes);
        _partialBytes += bytes;
    }

    [HotPath]
    public FrameStep Next(out Frame frame)
    {
        frame = default;
        if (!_partial.Buffer.IsNone)
        {
            return ContinuePartial(out frame);
        }
        if (!ReadPrefix())
        {
            DropReceived();
            return FrameStep.NeedBytes;
        }
        int length = (int)_prefix;
        if (length < 0 || length > frameBytesMax)
        {
            return FrameStep.BadLength;
        }
        int available = _end - _position;
        return available >= length ? TakeInPlace(length, out frame) : BeginPartial(length, available, out frame);
    }

    /// <summary>Gives a frame's buffer and its share of the budget back. True = another core waits for the budget.</summary>
    [HotPath]
    public bool Release(ref Frame frame)
    {
        if (!frame.Buffer.IsNone)
        {
            pool.Release(ref frame.Buffer);
            bool isOtherCoreWaiting = budget.Release(ref _memory, frame.Charged);
            frame = default;
            return isOtherCoreWaiting;
        }
        return false;
    }

    /// <summary>The connection is over: everything goes back. Only when no receive is outstanding.</summary>
    public void Clear()
    {
        _position = _end;
        DropReceived();
        Release(ref _partial);
        _prefixBytes = 0;
    }

    [HotPath]
    private bool ReadPrefix()
    {
        if (_prefixBytes == PrefixBytes)
        {
            return true;
        }
        if (_position == _end)
        {
            return false;
        }
        ReadOnlySpan<byte> unread = pool.Span(_received)[_position.._end];
        if (_prefixBytes == 0 && unread.Length >= PrefixBytes)
        {
            _prefix = BinaryPrimitives.ReadUInt32BigEndian(unread);
            _prefixBytes = PrefixBytes;
            _position += PrefixBytes;
            return true;
        }
        while (_prefixBytes < PrefixBytes && !unread.IsEmpty)
        {
            _prefix = (_prefix << 8) | unread[0];
            unread = unread[1..];
            _position++;
            _prefixBytes++;
        }
        return _prefixBytes == PrefixBytes;
    }

    [HotPath]
    private FrameStep TakeInPlace(int length, out Frame frame)
    {
        frame = default;
        if (!budget.TryReserve(ref _memory, length))
        {
            return FrameStep.OverBudget;
        }
        _prefixBytes = 0;
        _prefix = 0;
        frame.Offset = _position;
        frame.Length = length;
        frame.Charged = length;
        _position += length;
        if (_position == _end)
        {
            // The frame takes the reference of the received buffer with it.
            frame.Buffer = _received;
            _received = default;
        }
        else
        {
            frame.Buffer = pool.Retain(_received);
        }
        return FrameStep.Frame;
    }

    [HotPath]
    private FrameStep BeginPartial(int length, int available, out Frame frame)
    {
        frame = default;
        if (!HasUnread)
        {
            // Only the prefix came so far: nothing is reserved for it.
            DropReceived();
            return FrameStep.NeedBytes;
        }
        if (!Reserve(Math.Min(length, Math.Max(FirstReservationBytes, available)), length))
        {
            return FrameStep.OverBudget;
        }
        _prefixBytes = 0;
        _prefix = 0;
        pool.Span(_received)[_position.._end].CopyTo(pool.Span(_partial.Buffer));
        _partialBytes = available;
        _position = _end;
        DropReceived();
        return ContinuePartial(out frame);
    }

    [HotPath]
    private FrameStep ContinuePartial(out Frame frame)
    {
        frame = default;
        if (_partialBytes == _partial.Length)
        {
            frame = _partial;
            _partial = default;
            _partialBytes = 0;
            return FrameStep.Frame;
        }
        if (_partialBytes == _partialCapacity && !Grow())
        {
            return FrameStep.OverBudget;
        }
        return FrameStep.NeedIntoFrame;
    }

    private bool Reserve(int bytes, int frameLength)
    {
        if (!budget.TryReserve(ref _memory, bytes))
        {
            return false;
        }
        if (!pool.TryRent(bytes, out BufferHandle buffer))
        {
            budget.Release(ref _memory, bytes);
            return false;
        }
        _partial.Buffer = buffer;
        _partial.Offset = 0;
        _partial.Length = frameLength;
        _partial.Charged = bytes;
        _partialCapacity = bytes;
        return true;
    }

    private bool Grow()
    {
        Frame small = _partial;
        int bytes = (int)Math.Min(_partial.Length, 4L * _partialCapacity);
        if (!Reserve(bytes, small.Length))
        {
            return false;
        }
        pool.Span(small.Buffer)[.._partialBytes].CopyTo(pool.Span(_partial.Buffer));
        Release(ref small);
        return true;
    }

    private void DropReceived()
    {
        if (!_received.IsNone)
        {
            pool.Release(ref _received);
        }
        _position = 0;
        _end = 0;
    }
}
