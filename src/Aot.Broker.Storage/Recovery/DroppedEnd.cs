using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>
/// What is behind the last sound batch of a log that is being loaded. A torn end, with no sound batch in it, is only
/// cut. Where there are sound batches behind a bad one, the log ends before the bad one all the same, as in Apache Kafka,
/// but the bytes are put aside in <c>.dropped</c> files, for a person who can read them with <c>log dump</c>. Part of
/// <see cref="LogLoader"/>, on its thread.
/// </summary>
internal sealed class DroppedEnd(Disk disk, LoadRequest request, LoadedLog log)
{
    private const int CopyBytes = 1024 * 1024;
    private const int NamesMax = 100;

    private static readonly Logger s_log = Log.For("storage");

    private readonly List<string> _kept = [];
    private SoundBatches _dropped;

    /// <summary>The file is about to be cut to the segment's bytes, of the <paramref name="fileBytes"/> that it has.</summary>
    public void OnCut(Segment segment, Fd file, int fileBytes, long nextOffset)
    {
        log.TruncatedBytes += fileBytes - segment.Bytes;
        SoundBatches behind = SoundBatchSearch.Count(disk, file, segment.Bytes, fileBytes, nextOffset);
        _dropped.Add(behind);
        if (behind.HasAny && NewName(nextOffset) is { } path)
        {
            Note(Copy(file, segment.Bytes, fileBytes, path), path);
        }
    }

    /// <summary>A segment behind the end is about to be deleted. True: its log file has another name now.</summary>
    public bool TryKeep(Segment segment)
    {
        log.TruncatedBytes += segment.Bytes;
        string path = segment.PathOf(LogFileNames.LogSuffix);
        if (segment.Bytes == 0 || disk.Open(path, DiskOpen.ReadOnly, out Fd file) != Errno.None)
        {
            return false;
        }
        SoundBatches inIt = SoundBatchSearch.Count(disk, file, 0, segment.Bytes, segment.BaseOffset);
        disk.Close(file);
        _dropped.Add(inIt);
        if (!inIt.HasAny || NewName(segment.BaseOffset) is not { } kept)
        {
            return false;
        }
        Errno renamed = disk.Rename(path, kept);
        Note(renamed, kept);
        return renamed == Errno.None;
    }

    /// <summary>One line per partition.</summary>
    public void Report()
    {
        if (log.TruncatedBytes == 0)
        {
            return;
        }
        if (!_dropped.HasAny)
        {
            s_log.Warn(
                "a log was cut after its last whole batch",
                ("partition", request.Name),
                ("bytes", log.TruncatedBytes),
                ("logEndOffset", log.LogEndOffset)
            );
            return;
        }
        s_log.Error(
            "a log is damaged: it ends before the bad bytes, and sound records behind them are not in it any more",
            ("partition", request.Name),
            ("logEndOffset", log.LogEndOffset),
            ("bytes", log.TruncatedBytes),
            ("records", _dropped.Records),
            ("batches", _dropped.Batches),
            ("firstOffset", _dropped.FirstOffset),
            ("lastOffset", _dropped.LastOffset),
            ("keptIn", _kept.Count == 0 ? "nothing could be kept" : string.Join(" ", _kept))
        );
    }

    private void Note(Errno error, string path)
    {
        if (error == Errno.None)
        {
            _kept.Add(path);
            return;
        }
        s_log.Error(
            "the dropped end of a log could not be kept",
            ("partition", request.Name),
            ("file", path),
            ("error", error)
        );
    }

    /// <summary>A name that is free: an earlier damage of the same log may have left its own file.</summary>
    private string? NewName(long offset)
    {
        string path = LogFileNames.Segment(
            request.Directory,
            offset,
            LogFileNames.LogSuffix + LogFileNames.DroppedSuffix
        );
        for (int i = 1; i <= NamesMax; i++)
        {
            string name = i == 1 ? path : path + "-" + i;
            if (!disk.Exists(name))
            {
                return name;
            }
        }
        return null;
    }

    private Errno Copy(Fd source, long from, long to, string path)
    {
        Errno error = disk.Open(path, DiskOpen.CreateNew, out Fd target);
        if (error != Errno.None)
        {
            return error;
        }
        byte[] piece = new byte[Math.Min(CopyBytes, to - from)];
        for (long at = from; at < to && error == Errno.None; )
        {
            long read = disk.Read(source, piece.AsSpan(0, (int)Math.Min(piece.Length, to - at)), at);
            long written =
                read <= 0
                    ? Math.Min(read, -(long)Errno.EIO)
                    : disk.Write(target, piece.AsSpan(0, (int)read), at - from);
            error = written < 0 ? (Errno)(-written) : Errno.None;
            at += read;
        }
        error = error == Errno.None ? disk.Sync(target, dataOnly: false) : error;
        disk.Close(target);
        if (error != Errno.None)
        {
            disk.Delete(path);
            return error;
        }
        return disk.SyncDirectory(request.Directory);
    }
}
