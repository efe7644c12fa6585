namespace Aot.Broker.Reactor;

/// <summary>What a completion or readiness event is about.</summary>
internal enum IoOperation : byte
{
    /// <summary>Nothing follows from it.</summary>
    Ignored,
    Wake,
    Accept,
    Receive,
    Writable,
    File,
    Connection,
}

/// <summary>
/// The 64 bits that travel through the kernel with a request and come back with its completion. No object reference:
/// slot and generation find the object, or find that it is gone.
/// <code>
/// 0..23 slot   24..31 operation   32..63 generation
/// </code>
/// </summary>
internal readonly record struct IoToken(ulong Bits)
{
    public const int SlotsMax = 1 << 24;

    public IoToken(IoOperation operation, int slot, int generation)
        : this((uint)slot | ((ulong)operation << 24) | ((ulong)(uint)generation << 32)) { }

    public int Slot => (int)(Bits & (SlotsMax - 1));

    public IoOperation Operation => (IoOperation)(byte)(Bits >> 24);

    public int Generation => (int)(Bits >> 32);
}
