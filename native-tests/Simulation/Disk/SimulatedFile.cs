namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// The content of one file, twice: as the page cache has it, and as the device has it.
/// </summary>
/// <remarks>
/// A page whose version is above that of the device is dirty. Write-back and sync move pages to the device; a power loss
/// leaves the device's content, with any part of the dirty sectors on top, at any length between the two.
/// A cut (truncation) that was not synced may be undone by a power loss: the image from before it is kept until a sync.
/// </remarks>
internal sealed class SimulatedFile(int id)
{
    public const int PageBytes = 4096;
    public const int SectorBytes = 512;

    private byte[] _cached = [];
    private byte[] _device = [];
    private long _deviceLength;
    private int[] _cachedVersions = [];
    private int[] _deviceVersions = [];
    private bool[] _isCold = [];
    private readonly Dictionary<int, byte[]> _deviceAtCut = [];
    private int _cuts;
    private byte[]? _beforeCut;
    private long _syncs;
    private long _newestSync;

    public int Id { get; } = id;

    public long Length { get; private set; }

    /// <summary>When it was last written to. A power loss leaves it: nobody may rely on it for more than age.</summary>
    public long ModifiedMillis { get; set; }

    /// <summary>Who has it locked; null = nobody.</summary>
    public object? LockedBy { get; set; }

    public bool IsDirty => Length != _deviceLength || _beforeCut is not null || HasDirtyPages();

    public void Write(ReadOnlySpan<byte> bytes, long position)
    {
        if (bytes.IsEmpty)
        {
            return;
        }
        int end = checked((int)(position + bytes.Length));
        Reserve(end);
        bytes.CopyTo(_cached.AsSpan((int)position));
        // A page between the old end and this write is a hole: zeros, in the cache as on the device.
        for (int page = (int)(position / PageBytes); page * PageBytes < end; page++)
        {
            _cachedVersions[page]++;
            _isCold[page] = false;
        }
        Length = Math.Max(Length, end);
    }

    public int Read(Span<byte> target, long position)
    {
        int count = (int)Math.Clamp(Length - position, 0, target.Length);
        _cached.AsSpan((int)Math.Min(position, Length), count).CopyTo(target);
        Warm(position, count);
        return count;
    }

    public void Truncate(long length, SeededRandom random)
    {
        int newLength = checked((int)length);
        Reserve(newLength);
        if (newLength < Length)
        {
            _beforeCut ??= CrashImage(random);
            _deviceAtCut.Add(_cuts, _device[..(int)_deviceLength]);
            _cuts++;
            Cut(_cached, newLength, Length);
            Cut(_device, newLength, _deviceLength);
            _deviceLength = Math.Min(_deviceLength, newLength);
            for (int page = (newLength + PageBytes - 1) / PageBytes; page < _cachedVersions.Length; page++)
            {
                _deviceVersions[page] = _cachedVersions[page];
            }
        }
        Length = newLength;
    }

    /// <summary>Other content, on the device as in the cache.</summary>
    public void Replace(ReadOnlySpan<byte> content)
    {
        Cut(_cached, 0, Length);
        Length = 0;
        Write(content, 0);
        SyncNow();
    }

    // To the device --------------------------------------------------------------------------------------------------

    /// <summary>What a sync has to bring to the device: the pages as they are now.</summary>
    public sealed class PendingSync
    {
        public required long Number { get; init; }
        public required List<(int Page, int Version, byte[] Bytes)> Pages { get; init; }
        public required long Length { get; init; }
        public required int Cuts { get; init; }
    }

    public PendingSync BeginSync()
    {
        List<(int, int, byte[])> pages = [];
        foreach (int page in DirtyPages())
        {
            pages.Add((page, _cachedVersions[page], PageOf(_cached, page).ToArray()));
        }
        return new PendingSync
        {
            Number = ++_syncs,
            Pages = pages,
            Length = Length,
            Cuts = _cuts,
        };
    }

    public void EndSync(PendingSync sync)
    {
        foreach ((int page, int version, byte[] bytes) in sync.Pages)
        {
            if (_deviceVersions[page] < version)
            {
                bytes.CopyTo(PageOf(_device, page));
                _deviceVersions[page] = version;
            }
        }
        _deviceLength = Math.Min(Math.Max(_deviceLength, sync.Length), Length);
        _device.AsSpan((int)_deviceLength).Clear();
        if (sync.Cuts == _cuts)
        {
            _beforeCut = null;
            _deviceAtCut.Clear();
        }
        else if (sync.Number > _newestSync)
        {
            _beforeCut = ImageOf(sync);
        }
        _newestSync = Math.Max(_newestSync, sync.Number);
    }

    /// <summary>
    /// A cut came while the sync was under way: a power loss may undo the cut, but not what the sync was to keep.
    /// </summary>
    private byte[] ImageOf(PendingSync sync)
    {
        byte[] device = _deviceAtCut[sync.Cuts];
        byte[] image = new byte[Math.Max(device.Length, sync.Length)];
        device.CopyTo(image, 0);
        foreach ((int page, _, byte[] bytes) in sync.Pages)
        {
            int at = page * PageBytes;
            bytes.AsSpan(0, (int)Math.Min(PageBytes, sync.Length - at)).CopyTo(image.AsSpan(at));
        }
        return image;
    }

    public void SyncNow() => EndSync(BeginSync());

    /// <summary>
    /// A sync that fails leaves its pages dirty, or drops them from the cache, which then has what the device has: both
    /// are what file systems do.
    /// </summary>
    public void FailSync(SeededRandom random, bool mayDropPages)
    {
        WriteBack(random, 0, Length, 30);
        if (!mayDropPages || random.OneIn(2))
        {
            return;
        }
        foreach (int page in DirtyPages())
        {
            PageOf(_device, page).CopyTo(PageOf(_cached, page));
            _cachedVersions[page] = _deviceVersions[page];
        }
    }

    /// <summary>The kernel writes some dirty pages of the range, in no order; nobody may rely on it.</summary>
    public void WriteBack(SeededRandom random, long position, long length, int percent)
    {
        foreach (int page in DirtyPages())
        {
            long start = (long)page * PageBytes;
            if (start < position + length && start + PageBytes > position && random.Percent(percent))
            {
                PageOf(_cached, page).CopyTo(PageOf(_device, page));
                _deviceVersions[page] = _cachedVersions[page];
                _deviceLength = Math.Max(_deviceLength, Math.Min(Length, start + PageBytes));
            }
        }
    }

    // Power loss -----------------------------------------------------------------------------------------------------

    /// <summary>The power is gone: what is found afterwards is the new content, in the cache (cold) as on the device.</summary>
    public void LosePower(SeededRandom random)
    {
        if (!IsDirty)
        {
            LockedBy = null;
            Array.Fill(_isCold, true);
            return;
        }
        byte[] image = CrashImage(random);
        if (_beforeCut is not null && random.OneIn(2))
        {
            image = _beforeCut;
        }
        _beforeCut = null;
        _deviceAtCut.Clear();
        Length = _deviceLength = image.Length;
        int pages = (image.Length + PageBytes - 1) / PageBytes;
        Array.Resize(ref image, pages * PageBytes);
        _cached = image;
        _device = (byte[])image.Clone();
        _cachedVersions = new int[pages];
        _deviceVersions = new int[pages];
        _isCold = new bool[pages];
        Array.Fill(_isCold, true);
        LockedBy = null;
    }

    public bool IsResident(long position, long length)
    {
        for (long page = position / PageBytes; page * PageBytes < Math.Min(position + length, Length); page++)
        {
            if (_isCold[page])
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>The pages of the range are in the cache from now on.</summary>
    public void Warm(long position, long length)
    {
        for (long page = position / PageBytes; page * PageBytes < Math.Min(position + length, Length); page++)
        {
            _isCold[page] = false;
        }
    }

    private byte[] CrashImage(SeededRandom random)
    {
        byte[] image = new byte[Math.Max(Length, _deviceLength)];
        _device.AsSpan(0, (int)_deviceLength).CopyTo(image);
        int survivePercent = random.Pick<int>([0, 10, 50, 90, 100]);
        int tornPercent = random.Pick<int>([0, 20, 60]);
        long survivedTo = _deviceLength;
        foreach (int page in DirtyPages())
        {
            bool isTorn = random.Percent(tornPercent);
            bool survives = random.Percent(survivePercent);
            long pageEnd = Math.Min(((long)page + 1) * PageBytes, Length);
            for (long at = (long)page * PageBytes; at < pageEnd; at += SectorBytes)
            {
                if (isTorn ? random.OneIn(2) : survives)
                {
                    int count = (int)Math.Min(SectorBytes, pageEnd - at);
                    _cached.AsSpan((int)at, count).CopyTo(image.AsSpan((int)at));
                    survivedTo = Math.Max(survivedTo, at + count);
                }
            }
        }
        // A file system may write the new length before the data (zeros are then found) or after it.
        long length = random.Below(4) switch
        {
            0 => Math.Min(_deviceLength, Length),
            1 => Length,
            2 => Math.Min(survivedTo, Length),
            _ => random.Between(Math.Min(_deviceLength, Length), Math.Max(_deviceLength, Length)),
        };
        return image[..(int)length];
    }

    private bool HasDirtyPages()
    {
        for (int page = 0; (long)page * PageBytes < Length; page++)
        {
            if (_cachedVersions[page] > _deviceVersions[page])
            {
                return true;
            }
        }
        return false;
    }

    private List<int> DirtyPages()
    {
        List<int> dirty = [];
        for (int page = 0; (long)page * PageBytes < Length; page++)
        {
            if (_cachedVersions[page] > _deviceVersions[page])
            {
                dirty.Add(page);
            }
        }
        return dirty;
    }

    /// <summary>Arrays are always whole pages long, and zero beyond the length.</summary>
    private void Reserve(int length)
    {
        int pages = (length + PageBytes - 1) / PageBytes;
        if (pages > _cachedVersions.Length || pages * PageBytes > _cached.Length)
        {
            pages = Math.Max(pages, _cachedVersions.Length * 2);
            Array.Resize(ref _cached, pages * PageBytes);
            Array.Resize(ref _device, pages * PageBytes);
            Array.Resize(ref _cachedVersions, pages);
            Array.Resize(ref _deviceVersions, pages);
            Array.Resize(ref _isCold, pages);
        }
    }

    private static void Cut(byte[] content, long from, long to)
    {
        if (to > from)
        {
            content.AsSpan((int)from, (int)(to - from)).Clear();
        }
    }

    private static Span<byte> PageOf(byte[] content, int page) => content.AsSpan(page * PageBytes, PageBytes);
}
