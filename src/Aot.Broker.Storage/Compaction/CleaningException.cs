using Aot.Broker.Linux;

namespace Aot.Broker.Storage.Compaction;

/// <summary>Why a pass over a log ended early.</summary>
internal enum CleaningEnd
{
    /// <summary>The log is closed, or its segments went away meanwhile; the next pass begins anew.</summary>
    Interrupted,

    /// <summary>The disk has no room or no descriptors for now.</summary>
    Later,

    /// <summary>The log cannot be cleaned as it is.</summary>
    Uncleanable,

    /// <summary>An fsync failed.</summary>
    NotSynced,
}

/// <summary>The control flow of a pass that cannot go on; caught by the <see cref="LogCleaner"/>, which says what it means.</summary>
internal sealed class CleaningException(CleaningEnd end, string why, string cure = "", Errno error = Errno.None)
    : Exception(why)
{
    public CleaningEnd End { get; } = end;

    public string Cure { get; } = cure;

    public Errno Error { get; } = error;

    public static void Check(Errno error, string what, string path)
    {
        if (error == Errno.None)
        {
            return;
        }
        bool mayHeal =
            error is Errno.ENOSPC or Errno.EDQUOT or Errno.EFBIG or Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM;
        throw new CleaningException(
            mayHeal ? CleaningEnd.Later : CleaningEnd.Uncleanable,
            $"{what} {path}: {error}",
            mayHeal
                ? "make room on the disk or raise the limit of open files"
                : "check the disk, then restart the broker",
            error
        );
    }

    public static void CheckSync(Errno error, string path)
    {
        if (error != Errno.None)
        {
            throw new CleaningException(CleaningEnd.NotSynced, path, error: error);
        }
    }

    public static CleaningException Corrupt(string path, long position, string what) =>
        new(
            CleaningEnd.Uncleanable,
            $"{path} is damaged at byte {position}: {what}",
            "inspect it with 'aot-broker log dump', delete the records up to there or restore the file, then restart the broker"
        );
}
