using Aot.Broker.Linux;

namespace Aot.Broker.Storage.Files;

/// <summary>Which refusals of a disk may be over in a while, so that it is worth to try again.</summary>
internal static class PassingErrors
{
    /// <summary>No space, over a quota, or no descriptor or memory for now. All else may not heal.</summary>
    public static bool IsPassing(this Errno error) =>
        error is Errno.ENOSPC or Errno.EDQUOT or Errno.EFBIG || error.IsShortOfDescriptors();

    /// <summary>The call did not get as far as the disk.</summary>
    public static bool IsShortOfDescriptors(this Errno error) => error is Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM;
}
