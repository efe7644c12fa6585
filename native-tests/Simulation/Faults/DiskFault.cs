namespace Aot.Broker.Simulation.Tests;

/// <summary>The calls by which a process changes what is on a disk, or takes something that may be short.</summary>
internal enum DiskCall
{
    Open,
    Create,
    Write,
    Truncate,
    Allocate,
    Sync,
    SyncDirectory,
    WriteBack,
    Rename,
    Delete,
    CreateDirectory,
    DeleteDirectory,
}

/// <summary>What goes wrong at one call.</summary>
internal enum DiskFault
{
    None,
    KillBefore,

    /// <summary>A write reaches the file up to any byte.</summary>
    KillWithin,
    KillAfter,
    PowerLossBefore,

    /// <summary>Part of a write, of a sync's pages, or of a directory's changes.</summary>
    PowerLossWithin,
    PowerLossAfter,

    /// <summary>EIO, this once.</summary>
    InputOutputError,

    /// <summary>ENOSPC from this call on, until there is space again.</summary>
    NoSpace,

    /// <summary>ENOSPC, this once.</summary>
    NoSpaceOnce,

    /// <summary>A write ends early, and there is no space for the rest of it, until there is again.</summary>
    ShortWrite,

    /// <summary>EMFILE from this call on, until descriptors are free again.</summary>
    NoDescriptors,

    /// <summary>EMFILE, this once.</summary>
    NoDescriptorsOnce,
}

internal static class DiskFaultRules
{
    /// <summary>Whether the fault can befall the call.</summary>
    public static bool CanBefall(this DiskFault fault, DiskCall call) =>
        fault switch
        {
            DiskFault.KillWithin => call == DiskCall.Write,
            DiskFault.PowerLossWithin => call is DiskCall.Write or DiskCall.Sync or DiskCall.SyncDirectory,
            DiskFault.KillBefore or DiskFault.KillAfter or DiskFault.PowerLossBefore or DiskFault.PowerLossAfter => call
                != DiskCall.Open,
            DiskFault.InputOutputError => true,
            DiskFault.NoSpace or DiskFault.NoSpaceOnce => call.NeedsSpace(),
            DiskFault.ShortWrite => call == DiskCall.Write,
            DiskFault.NoDescriptors or DiskFault.NoDescriptorsOnce => call.NeedsDescriptor(),
            _ => false,
        };

    public static bool NeedsSpace(this DiskCall call) =>
        call is DiskCall.Create or DiskCall.Write or DiskCall.Allocate or DiskCall.Rename or DiskCall.CreateDirectory;

    public static bool NeedsDescriptor(this DiskCall call) =>
        call is DiskCall.Open or DiskCall.Create or DiskCall.SyncDirectory;

    public static bool IsKill(this DiskFault fault) =>
        fault is DiskFault.KillBefore or DiskFault.KillWithin or DiskFault.KillAfter;

    public static bool IsPowerLoss(this DiskFault fault) =>
        fault is DiskFault.PowerLossBefore or DiskFault.PowerLossWithin or DiskFault.PowerLossAfter;

    /// <summary>The call fails, and the process goes on.</summary>
    public static bool IsError(this DiskFault fault) => fault >= DiskFault.InputOutputError;
}
