using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Reading;

/// <summary>
/// The headers of batches one after another from a file: those of small batches are read a page at a time, those of large
/// ones alone.
/// </summary>
internal ref struct HeaderPages(Disk disk, Fd file, Span<byte> page, int end)
{
    public const int PageBytes = 4096;

    private readonly Span<byte> _page = page;
    private int _position;
    private int _bytes;
    private int _batchBytes;

    /// <summary>The header at a position before the end. EIO: there is none.</summary>
    [HotPath]
    public Errno Read(int position, out BatchHeader header)
    {
        header = default;
        int skip = position - _position;
        if (skip < 0 || skip + BatchHeader.Bytes > _bytes)
        {
            int wanted = _batchBytes > PageBytes / 2 ? BatchHeader.Bytes : PageBytes;
            long read = disk.Read(file, _page[..Math.Min(wanted, end - position)], position);
            if (read < 0)
            {
                return (Errno)(-read);
            }
            _position = position;
            _bytes = (int)read;
            skip = 0;
        }
        if (!BatchHeader.TryRead(_page[skip.._bytes], out header))
        {
            return Errno.EIO;
        }
        _batchBytes = header.TotalBytes;
        return Errno.None;
    }
}
