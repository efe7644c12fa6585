using Aot.Broker.Linux;

namespace Aot.Broker.Storage;

/// <summary>Why a data directory cannot be used; each has its exit code.</summary>
public enum DataDirectoryProblem
{
    /// <summary>Another process has it, or it belongs to another node or cluster (exit code 4).</summary>
    NotOurs = 4,

    /// <summary>Its content contradicts itself and a person has to decide (exit code 5).</summary>
    Corrupt = 5,

    /// <summary>The disk refused (exit code 6).</summary>
    Disk = 6,
}

/// <summary>An entry of <c>log.dirs</c> that the disk refuses, and why. Its partitions are offline until a start finds it well.</summary>
public sealed record OfflineDirectory(string Path, string Reason);

/// <summary>A data directory cannot be used. The message is for the operator.</summary>
public sealed class DataDirectoryException(DataDirectoryProblem problem, string message) : Exception(message)
{
    public DataDirectoryProblem Problem { get; } = problem;

    public int ExitCode => (int)Problem;

    internal static DataDirectoryException OfDisk(string what, Errno error) =>
        new(DataDirectoryProblem.Disk, $"{what}: {error}");
}
