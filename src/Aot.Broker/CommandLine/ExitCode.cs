namespace Aot.Broker.CommandLine;

/// <summary>How the process ends. Scripts and service managers read these; the numbers do not change.</summary>
public enum ExitCode
{
    Clean = 0,

    /// <summary>An error that nobody foresaw; the log says which.</summary>
    Fatal = 1,

    /// <summary>The command line or the configuration is wrong; the message says what to change.</summary>
    Usage = 2,

    /// <summary>Another process listens on an address of ours.</summary>
    PortInUse = 3,

    /// <summary>The data directory is locked by a running broker, or belongs to another node or cluster.</summary>
    DataDirectory = 4,

    /// <summary>A log is damaged in a way that a person has to decide about.</summary>
    CorruptLog = 5,

    /// <summary>The disk failed: what was written may be lost, so the broker stopped.</summary>
    DiskError = 6,
}
