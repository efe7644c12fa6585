namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Rules that a broker must keep, each of which a world can break underneath it: the broker then behaves as one that does
/// not know the rule. A simulation that does not find the damage is worth nothing.
/// </summary>
[Flags]
internal enum BrokenRules
{
    None = 0,

    /// <summary>Nothing is synced before it is acknowledged.</summary>
    FileSync = 1,

    /// <summary>Entries of directories are not synced.</summary>
    DirectorySync = 2,

    /// <summary>A recovery does not cut what it found to be no log.</summary>
    RecoveryCut = 4,

    /// <summary>A start knows no producers but those whose batches it scans.</summary>
    ProducerMemory = 8,

    /// <summary>A file is renamed over another before its content is on the disk.</summary>
    SyncBeforeRename = 16,

    /// <summary>A fetch of committed records says which transactions were aborted.</summary>
    AbortedList = 32,

    /// <summary>A fetch leaves no batch out.</summary>
    EveryBatch = 64,

    /// <summary>A fetch has its batches in order.</summary>
    BatchOrder = 128,

    /// <summary>The offset of a group is the one that was committed last.</summary>
    CommittedOffset = 256,

    /// <summary>The offset in a produce's answer is that of the batch.</summary>
    AnsweredOffset = 512,
}
