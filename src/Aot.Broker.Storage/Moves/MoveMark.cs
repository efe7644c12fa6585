using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Moves;

/// <summary>
/// A file in a partition's directory that has just taken the name of the one it was copied from, until that one has lost
/// its name. Where a stop leaves two directories of one partition, the marked one counts: it was on the disk completely, and
/// nothing was appended to either since.
/// </summary>
internal static class MoveMark
{
    /// <summary>Apache Kafka passes such a file over, and the next opening of the log deletes it.</summary>
    public const string Name = "moved-here.tmp";

    public static bool IsIn(Disk disk, string directory) => disk.Exists(directory + "/" + Name);

    public static Errno Delete(Disk disk, string directory)
    {
        Errno error = disk.Delete(directory + "/" + Name);
        return error == Errno.None ? disk.SyncDirectory(directory) : error;
    }
}
