using System.Runtime.CompilerServices;
using Aot.Broker.Base;

namespace Aot.Broker.Memory;

/// <summary>
/// One ownership of a pooled buffer: a slot and the generation that it had when it was rented. Eight bytes, no
/// reference. It stays a plain value (it travels in messages and completions), so the pool checks it at each use: after
/// the buffer's last release the generation has moved on, and a handle kept too long stops the process with a message
/// instead of reading another connection's bytes.
/// </summary>
/// <remarks>Only the core whose pool rented it may use it. Another core gives it back by a message to that core.</remarks>
public readonly record struct BufferHandle
{
    internal BufferHandle(int slot, uint generation)
    {
        Slot = slot;
        Generation = generation;
    }

    internal int Slot { get; }

    /// <summary>Never 0 for a rented buffer, so that the default value is no handle.</summary>
    internal uint Generation { get; }

    public static BufferHandle None => default;

    public bool IsNone => Generation == 0;

    public override string ToString() => IsNone ? "no buffer" : $"buffer {Slot}#{Generation}";
}

/// <summary>A part of a pooled buffer. It owns nothing by itself: its handle counts as one ownership where it was retained.</summary>
public readonly record struct BufferSlice
{
    public BufferSlice(BufferHandle buffer, int start, int length)
    {
        Invariant.That(start >= 0 && length >= 0);
        Buffer = buffer;
        Start = start;
        Length = length;
    }

    public BufferHandle Buffer { get; }

    /// <summary>Bytes from the front of the buffer.</summary>
    public int Start { get; }

    /// <summary>Bytes.</summary>
    public int Length { get; }
}

/// <summary>
/// A buffer for the length of a call: the compiler forbids keeping it. The handle is checked at each access, so a
/// release by somebody further down the call chain is found.
/// </summary>
public readonly ref struct BorrowedBuffer
{
    private readonly BufferPool _pool;
    private readonly BufferHandle _handle;

    internal BorrowedBuffer(BufferPool pool, BufferHandle handle)
    {
        _pool = pool;
        _handle = handle;
    }

    public Span<byte> Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _pool.Span(_handle);
    }
}
