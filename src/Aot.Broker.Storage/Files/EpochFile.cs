using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Files;

/// <summary>
/// Writes a log's <c>leader-epoch-checkpoint</c>. Any thread; versions that come late do not replace newer ones, and two
/// writers never share the temporary file.
/// </summary>
internal sealed class EpochFile(Disk disk, string directory)
{
    private readonly object _gate = new();
    private long _written;

    /// <summary>Blocks. <paramref name="version"/> ascends with each state of the cache that was turned into bytes.</summary>
    public Errno Write(long version, ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (version <= _written)
            {
                return Errno.None;
            }
            Errno error = disk.WriteAllBytesAtomically(directory + "/" + LogFileNames.LeaderEpochCheckpoint, bytes);
            if (error == Errno.None)
            {
                _written = version;
            }
            return error;
        }
    }
}
