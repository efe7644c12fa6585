using System.Text;
using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>A path as the kernel takes it: UTF-8 with a final zero. Lives on the stack; longer than PATH_MAX never passes.</summary>
internal ref struct PathBytes
{
    /// <summary>PATH_MAX, the final zero included.</summary>
    public const int BytesMax = 4096;

    private readonly Span<byte> _bytes;

    /// <summary>Why the path cannot be given to the kernel: ENAMETOOLONG, or EINVAL for a zero inside. None = it can.</summary>
    public Errno Error { get; }

    public PathBytes(string path, Span<byte> scratch)
    {
        Invariant.That(scratch.Length == BytesMax);
        _bytes = scratch;
        if (path.Contains('\0'))
        {
            Error = Errno.EINVAL;
        }
        else if (!Encoding.UTF8.TryGetBytes(path, scratch[..^1], out int length))
        {
            Error = Errno.ENAMETOOLONG;
        }
        else
        {
            scratch[length] = 0;
        }
    }

    public readonly ref byte GetPinnableReference() => ref _bytes[0];
}
