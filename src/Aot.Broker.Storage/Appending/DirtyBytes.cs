using Aot.Broker.Base;

namespace Aot.Broker.Storage.Appending;

/// <summary>
/// How much of a core's logs is written to the page cache and not known to be on the disk, and how much of it one log
/// may have.
/// </summary>
/// <remarks>
/// Owner: the core. The count is an upper bound: the kernel writes back by itself what a log that went quiet has left.
/// So it makes the share of a log smaller and never stops one.
/// </remarks>
internal sealed class DirtyBytes
{
    private const long BytesMin = 64L * 1024 * 1024;
    private const long BytesMax = 2048L * 1024 * 1024;
    private const int PartOfMemory = 16;
    private const int PartUnderPressure = 8;

    private readonly int _perLogMax;
    private readonly long _perCoreMax;

    public DirtyBytes(LogSetOptions options, int cores)
    {
        _perLogMax = options.DirtyBytesPerLogMax;
        long part = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / PartOfMemory;
        _perCoreMax =
            options.DirtyBytesPerCoreMax > 0
                ? options.DirtyBytesPerCoreMax
                : Math.Clamp(part, BytesMin, BytesMax) / cores;
    }

    public long Total { get; private set; }

    /// <summary>What one log may have now.</summary>
    public long PerLogMax => Total > _perCoreMax ? _perLogMax / PartUnderPressure : _perLogMax;

    [HotPath]
    public void Add(long bytes)
    {
        Total += bytes;
        Invariant.That(Total >= 0);
    }
}
