using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage.Segments;

/// <summary>
/// The open descriptors of one segment, counted: each lease of a fetch, each sync or background job under way is a use.
/// Without uses it stays open until <see cref="OpenSegments"/> needs the descriptor for another segment or finds it
/// idle; when the segment is deleted, until its last use ends.
/// </summary>
/// <remarks>Owner: the log's core. A job on another thread uses the descriptors, never the handle.</remarks>
internal sealed class SegmentHandle(OpenSegments cache, Segment segment)
{
    private int _uses;

    public Segment Segment { get; } = segment;

    public Fd Log { get; set; } = Fd.None;

    /// <summary>Opened at the first lookup that needs it.</summary>
    public Fd OffsetIndex { get; set; } = Fd.None;

    public Fd TimeIndex { get; set; } = Fd.None;

    public bool IsInUse => _uses > 0;

    public bool IsRetired { get; private set; }

    public long LastUsedMillis { get; set; }

    // The list of the cache, the most recently used at its head.
    public SegmentHandle? Newer { get; set; }

    public SegmentHandle? Older { get; set; }

    [HotPath]
    public void Borrow() => _uses++;

    [HotPath]
    public void Return()
    {
        Invariant.That(_uses > 0);
        if (--_uses == 0 && IsRetired)
        {
            cache.CloseSlow(this);
        }
    }

    /// <summary>The segment is gone: the descriptors close with the last use.</summary>
    public void Retire()
    {
        IsRetired = true;
        if (_uses == 0)
        {
            cache.CloseSlow(this);
        }
    }
}

/// <summary>
/// The descriptors that the logs of one core hold open, at most <see cref="Limit"/> beyond those in use. A log that
/// nobody writes or reads has none.
/// </summary>
internal sealed class OpenSegments(Disk disk, int limit)
{
    private SegmentHandle? _newest;
    private SegmentHandle? _oldest;

    public int Limit => limit;

    /// <summary>Segments that are open (each has one to three descriptors).</summary>
    public int Count { get; private set; }

    public long NowMillis { get; set; }

    /// <summary>The segment's handle with its log file open; opened now if need be. Null with the error otherwise.</summary>
    [HotPath]
    public SegmentHandle? Get(Segment segment, out Errno error)
    {
        SegmentHandle? handle = segment.Handle;
        if (handle is null)
        {
            return OpenSlow(segment, out error);
        }
        error = Errno.None;
        handle.LastUsedMillis = NowMillis;
        if (!ReferenceEquals(handle, _newest))
        {
            Unlink(handle);
            LinkNewest(handle);
        }
        return handle;
    }

    /// <summary>Takes over the descriptor of a segment that was just made.</summary>
    public SegmentHandle Adopt(Segment segment, Fd log)
    {
        Invariant.That(segment.Handle is null && log.IsOpen);
        SegmentHandle handle = new(this, segment) { Log = log, LastUsedMillis = NowMillis };
        segment.Handle = handle;
        LinkNewest(handle);
        Count++;
        CloseBeyond(limit);
        return handle;
    }

    /// <summary>The offset index of an open segment; <see cref="Fd.None"/> when there is no file.</summary>
    public Fd OffsetIndexOf(SegmentHandle handle)
    {
        if (!handle.OffsetIndex.IsOpen && handle.Segment.OffsetIndex.File.Written > 0)
        {
            disk.Open(handle.Segment.PathOf(LogFileNames.OffsetIndexSuffix), DiskOpen.ReadOnly, out Fd file);
            handle.OffsetIndex = file;
        }
        return handle.OffsetIndex;
    }

    public Fd TimeIndexOf(SegmentHandle handle)
    {
        if (!handle.TimeIndex.IsOpen && handle.Segment.TimeIndex.File.Written > 0)
        {
            disk.Open(handle.Segment.PathOf(LogFileNames.TimeIndexSuffix), DiskOpen.ReadOnly, out Fd file);
            handle.TimeIndex = file;
        }
        return handle.TimeIndex;
    }

    /// <summary>Closes what was not used since then and is not in use.</summary>
    public void CloseIdle(long unusedSinceMillis)
    {
        SegmentHandle? handle = _oldest;
        while (handle is not null && handle.LastUsedMillis <= unusedSinceMillis)
        {
            SegmentHandle? next = handle.Newer;
            if (!handle.IsInUse)
            {
                CloseSlow(handle);
            }
            handle = next;
        }
    }

    private void CloseBeyond(int keep)
    {
        SegmentHandle? handle = _oldest;
        while (handle is not null && Count > keep)
        {
            SegmentHandle? next = handle.Newer;
            if (!handle.IsInUse && !ReferenceEquals(handle, _newest))
            {
                CloseSlow(handle);
            }
            handle = next;
        }
    }

    private SegmentHandle? OpenSlow(Segment segment, out Errno error)
    {
        string path = segment.PathOf(LogFileNames.LogSuffix);
        error = disk.Open(path, DiskOpen.ReadWrite, out Fd log);
        if (error is Errno.EMFILE or Errno.ENFILE)
        {
            CloseBeyond(Count / 2);
            error = disk.Open(path, DiskOpen.ReadWrite, out log);
        }
        return error == Errno.None ? Adopt(segment, log) : null;
    }

    /// <summary>Closes the descriptors now; nobody uses them.</summary>
    public void CloseSlow(SegmentHandle handle)
    {
        Invariant.That(!handle.IsInUse);
        Unlink(handle);
        Count--;
        if (ReferenceEquals(handle.Segment.Handle, handle))
        {
            handle.Segment.Handle = null;
        }
        disk.Close(handle.Log);
        if (handle.OffsetIndex.IsOpen)
        {
            disk.Close(handle.OffsetIndex);
        }
        if (handle.TimeIndex.IsOpen)
        {
            disk.Close(handle.TimeIndex);
        }
        handle.Log = handle.OffsetIndex = handle.TimeIndex = Fd.None;
    }

    private void LinkNewest(SegmentHandle handle)
    {
        handle.Older = _newest;
        handle.Newer = null;
        if (_newest is not null)
        {
            _newest.Newer = handle;
        }
        _newest = handle;
        _oldest ??= handle;
    }

    private void Unlink(SegmentHandle handle)
    {
        if (handle.Newer is null)
        {
            _newest = handle.Older;
        }
        else
        {
            handle.Newer.Older = handle.Older;
        }
        if (handle.Older is null)
        {
            _oldest = handle.Newer;
        }
        else
        {
            handle.Older.Newer = handle.Newer;
        }
        handle.Newer = handle.Older = null;
    }
}
