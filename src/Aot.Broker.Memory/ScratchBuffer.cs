using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Memory;

/// <summary>
/// A growing piece of native memory for work inside one call: decompression, recompression. It has a hard limit, keeps
/// what it has grown to up to <see cref="BytesKept"/> for the next call, and is never shared: owner = one thread.
/// A span of it is dead after the next <see cref="TryGrow"/>, <see cref="Trim"/> or <see cref="Dispose"/>.
/// </summary>
public sealed unsafe class ScratchBuffer : IDisposable
{
    private const int BytesMin = 64 * 1024;

    private byte* _memory;

    public ScratchBuffer(int bytesMax = Limits.DecompressedBytesMax, int bytesKept = 4 * 1024 * 1024)
    {
        Invariant.That(bytesMax > 0 && bytesKept >= 0);
        BytesMax = bytesMax;
        BytesKept = bytesKept;
    }

    ~ScratchBuffer() => Free();

    public int BytesMax { get; }

    public int BytesKept { get; }

    public int Capacity { get; private set; }

    // SAFETY: the memory is _memory[0..Capacity) until the next call that moves it, which the owner thread makes itself.
    public Span<byte> Span => new(_memory, Capacity);

    /// <summary>
    /// Makes room for <paramref name="bytes"/> at least, keeping the first <paramref name="bytesUsed"/>; grows by
    /// doubling, so that growing step by step stays linear. False past <see cref="BytesMax"/>.
    /// </summary>
    public bool TryGrow(long bytes, int bytesUsed = 0)
    {
        Invariant.That(bytesUsed <= Capacity);
        if (bytes <= Capacity)
        {
            return true;
        }
        if (bytes > BytesMax)
        {
            return false;
        }
        int capacity = (int)Math.Min(Math.Max(bytes, Math.Max(2L * Capacity, BytesMin)), BytesMax);
        if (bytesUsed == 0)
        {
            Free();
        }
        // SAFETY: this object owns the memory; realloc moves the used bytes and frees the old place.
        _memory = (byte*)NativeMemory.Realloc(_memory, (nuint)capacity);
        Capacity = capacity;
        return true;
    }

    /// <summary>Gives back what an unusual call made it grow to.</summary>
    public void Trim()
    {
        if (Capacity > BytesKept)
        {
            Free();
        }
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        // SAFETY: this object owns the memory; freeing null does nothing.
        NativeMemory.Free(_memory);
        _memory = null;
        Capacity = 0;
    }
}
