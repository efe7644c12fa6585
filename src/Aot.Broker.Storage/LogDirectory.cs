using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage;

/// <summary>A partition directory that was on the disk at the start.</summary>
public readonly record struct PartitionOnDisk(TopicPartition Name, KafkaUuid TopicId, LogDirectory Directory);

/// <summary>The offset checkpoints of a log directory.</summary>
internal enum CheckpointKind
{
    RecoveryPoint,
    HighWatermark,
    LogStart,
    Cleaner,
}

/// <summary>What the checkpoints say of one partition; 0 where they say nothing.</summary>
/// <param name="RecoveryPoint">Everything below is on the disk.</param>
/// <param name="HighWatermark">Of the last time.</param>
/// <param name="LogStart">The first offset.</param>
/// <param name="FirstDirty">Compaction has seen everything below; -1 = it never saw the partition.</param>
internal readonly record struct CheckpointOffsets(
    long RecoveryPoint,
    long HighWatermark,
    long LogStart,
    long FirstDirty
);

/// <summary>
/// One entry of <c>log.dirs</c>, or <c>metadata.log.dir</c>: its lock, its identity, and its checkpoint files, which the logs of all cores share.
/// </summary>
/// <remarks>
/// Any thread. A core publishes the offsets of its logs as numbers; files are written by helper threads, one at a time.
/// What a checkpoint says of a partition whose log has not been told of yet (start-up is under way, or the disk refuses it)
/// is kept. What it says of a deleted log must not reach another of its name: see <see cref="WriteWithout"/>.
/// </remarks>
public sealed class LogDirectory
{
    private static readonly string[] s_files =
    [
        LogFileNames.RecoveryPointCheckpoint,
        LogFileNames.HighWatermarkCheckpoint,
        LogFileNames.LogStartCheckpoint,
        LogFileNames.CleanerCheckpoint,
    ];

    private static readonly string[] s_consequences =
    [
        "all segments of the directory are scanned, unless the last stop was clean",
        "high watermarks begin at the log starts and follow the replicas",
        "records that were deleted by request may be seen again until their segments go",
        "compaction looks at the logs of the directory from their starts again",
    ];

    private static readonly CheckpointOffsets s_nothing = new(0, 0, 0, -1);

    private readonly object _gate = new();
    private readonly object _writing = new();
    private readonly Disk _disk;
    private readonly Dictionary<TopicPartition, long>[] _kept =
    [
        [],
        [],
        [],
        [],
    ];
    private readonly Dictionary<int, Published>[] _published =
    [
        [],
        [],
        [],
        [],
    ];

    /// <summary>Partitions that were dropped, and may still be in the file of the kind.</summary>
    private readonly HashSet<TopicPartition>[] _outdated =
    [
        [],
        [],
        [],
        [],
    ];
    private readonly byte[]?[] _lastWritten = new byte[]?[s_files.Length];
    private readonly HashSet<TopicPartition> _unrecovered = [];

    /// <summary>What a core says of its logs.</summary>
    private sealed class Published
    {
        public CheckpointEntry[] Entries = [];
        public int Count;

        /// <summary>Logs that are in its list since: the next time it speaks for them.</summary>
        public List<TopicPartition> Adopted { get; } = [];

        /// <summary>Logs that are gone since.</summary>
        public HashSet<TopicPartition> Dropped { get; } = [];
    }

    internal LogDirectory(Disk disk, string path, Fd lockFile)
    {
        _disk = disk;
        Path = path;
        LockFile = lockFile;
    }

    public string Path { get; }

    /// <summary>
    /// It holds the metadata log and is not one of <c>log.dirs</c>. It never has the mark of a clean stop: Apache Kafka
    /// does not take the mark away from such a directory, so that it would outlive a run that was killed.
    /// </summary>
    public bool IsApart { get; internal init; }

    /// <summary>Null: the directory is not formatted.</summary>
    public MetaProperties? Meta { get; internal set; }

    /// <summary>The last process ended cleanly: segments need no recovery.</summary>
    public bool HadCleanShutdown { get; internal set; }

    /// <summary>The broker epoch of that process; -1 after an unclean stop.</summary>
    public long PreviousBrokerEpoch { get; internal set; } = -1;

    /// <summary>
    /// No log in it is left that an unclean stop made and nobody has opened since. Until then there is no mark of a clean
    /// stop: it would speak for logs that were never recovered, whose producers are then not known.
    /// </summary>
    internal bool IsRecovered
    {
        get
        {
            lock (_gate)
            {
                return _unrecovered.Count == 0;
            }
        }
    }

    /// <summary>A log in it went offline: there will be no mark of a clean stop, so that the next start looks at it.</summary>
    public bool HasFailed { get; internal set; }

    /// <summary>The disk of it failed while the process ran: none of its logs takes or gives anything any more.</summary>
    public bool IsOffline { get; internal set; }

    internal Fd LockFile { get; }

    internal string PathOf(string name) => Path + "/" + name;

    /// <summary>Whether a partition's log is known to be sound: it was opened, or the last process closed it; or it is gone.</summary>
    internal void SetRecovered(TopicPartition name, bool isRecovered)
    {
        lock (_gate)
        {
            if (isRecovered)
            {
                _unrecovered.Remove(name);
            }
            else
            {
                _unrecovered.Add(name);
            }
        }
    }

    /// <summary>What the checkpoints say of a partition whose log is about to be opened.</summary>
    internal CheckpointOffsets OffsetsOf(TopicPartition name)
    {
        lock (_gate)
        {
            return new CheckpointOffsets(
                Find(CheckpointKind.RecoveryPoint, 0),
                Find(CheckpointKind.HighWatermark, 0),
                Find(CheckpointKind.LogStart, 0),
                Find(CheckpointKind.Cleaner, -1)
            );
        }

        long Find(CheckpointKind kind, long absent) => _kept[(int)kind].GetValueOrDefault(name, absent);
    }

    /// <summary>The log is among those of the core, which speaks for it from its next publication on.</summary>
    internal void Adopt(TopicPartition name, CoreIndex core)
    {
        lock (_gate)
        {
            for (int kind = 0; kind < s_files.Length; kind++)
            {
                PublishedBy(kind, core).Adopted.Add(name);
            }
        }
    }

    /// <summary>Says this of a partition until it is dropped, or adopted by a core.</summary>
    internal void Keep(TopicPartition name, in CheckpointOffsets offsets)
    {
        lock (_gate)
        {
            _kept[(int)CheckpointKind.RecoveryPoint][name] = offsets.RecoveryPoint;
            _kept[(int)CheckpointKind.HighWatermark][name] = offsets.HighWatermark;
            if (offsets.LogStart > 0)
            {
                _kept[(int)CheckpointKind.LogStart][name] = offsets.LogStart;
            }
            if (offsets.FirstDirty >= 0)
            {
                _kept[(int)CheckpointKind.Cleaner][name] = offsets.FirstDirty;
            }
        }
    }

    /// <summary>The checkpoints say nothing of the partition any more: its log is gone, or somewhere else.</summary>
    internal void Drop(TopicPartition name)
    {
        lock (_gate)
        {
            for (int kind = 0; kind < s_files.Length; kind++)
            {
                bool isWritten = _kept[kind].Remove(name);
                foreach (Published published in _published[kind].Values)
                {
                    isWritten = true;
                    published.Adopted.Remove(name);
                    published.Dropped.Add(name);
                }
                if (isWritten)
                {
                    _outdated[kind].Add(name);
                }
            }
        }
    }

    /// <summary>
    /// Before a partition's directory is made: the files say nothing of an earlier log of its name, not even after a crash. It
    /// would begin where that one did, and lose what it has. Blocks: for helper threads.
    /// </summary>
    internal Errno WriteWithout(TopicPartition name)
    {
        if (OffsetsOf(name) != s_nothing)
        {
            Drop(name);
        }
        Errno error = Errno.None;
        for (CheckpointKind kind = 0; kind <= CheckpointKind.Cleaner && error == Errno.None; kind++)
        {
            bool isOutdated;
            lock (_gate)
            {
                isOutdated = _outdated[(int)kind].Contains(name);
            }
            error = isOutdated ? Write(kind) : Errno.None;
        }
        return error;
    }

    internal Errno Load()
    {
        for (int kind = 0; kind < s_files.Length; kind++)
        {
            Errno error = _disk.ReadAllBytes(PathOf(s_files[kind]), out byte[] bytes);
            if (error == Errno.ENOENT)
            {
                // Most brokers compact nothing, and need no file that says so.
                _lastWritten[kind] =
                    kind == (int)CheckpointKind.Cleaner
                        ? CheckpointText.Write(default(ReadOnlySpan<CheckpointEntry>))
                        : null;
                continue;
            }
            List<CheckpointEntry> entries = [];
            if (error != Errno.None)
            {
                return error;
            }
            if (!CheckpointText.TryRead(bytes, entries))
            {
                Log.For("storage")
                    .Error(
                        "a checkpoint is damaged and is passed over",
                        ("file", PathOf(s_files[kind])),
                        ("consequence", s_consequences[kind])
                    );
                continue;
            }
            foreach (CheckpointEntry entry in entries)
            {
                _kept[kind][entry.Partition] = entry.Offset;
            }
        }
        return Errno.None;
    }

    /// <summary>Replaces what one core says of its logs. The array is copied; nothing is allocated once it has its size.</summary>
    internal void Publish(CheckpointKind kind, CoreIndex core, ReadOnlySpan<CheckpointEntry> entries)
    {
        lock (_gate)
        {
            Published published = PublishedBy((int)kind, core);
            foreach (TopicPartition adopted in published.Adopted)
            {
                _kept[(int)kind].Remove(adopted);
            }
            published.Adopted.Clear();
            published.Dropped.Clear();
            if (published.Entries.Length < entries.Length)
            {
                published.Entries = new CheckpointEntry[Math.Max(16, entries.Length * 2)];
            }
            entries.CopyTo(published.Entries);
            published.Entries.AsSpan(entries.Length).Clear();
            published.Count = entries.Length;
        }
    }

    private Published PublishedBy(int kind, CoreIndex core)
    {
        if (!_published[kind].TryGetValue(core.Value, out Published? published))
        {
            _published[kind].Add(core.Value, published = new Published());
        }
        return published;
    }

    /// <summary>Writes a checkpoint when its content changed. Blocks: for helper threads and the end of the process.</summary>
    internal Errno Write(CheckpointKind kind)
    {
        lock (_writing)
        {
            byte[] bytes = CheckpointText.Write(Collect(kind, out TopicPartition[] left));
            byte[]? last = _lastWritten[(int)kind];
            Errno error = Errno.None;
            if (last is null || !bytes.AsSpan().SequenceEqual(last))
            {
                error = _disk.WriteAllBytesAtomically(PathOf(s_files[(int)kind]), bytes);
                _lastWritten[(int)kind] = error == Errno.None ? bytes : null;
            }
            if (error == Errno.None && left.Length > 0)
            {
                lock (_gate)
                {
                    _outdated[(int)kind].ExceptWith(left);
                }
            }
            return error;
        }
    }

    /// <summary>Writes all checkpoints, up to the first that the disk refuses. Blocks.</summary>
    internal Errno WriteAll()
    {
        Errno error = Write(CheckpointKind.RecoveryPoint);
        error = error == Errno.None ? Write(CheckpointKind.LogStart) : error;
        error = error == Errno.None ? Write(CheckpointKind.Cleaner) : error;
        return error == Errno.None ? Write(CheckpointKind.HighWatermark) : error;
    }

    /// <param name="kind">Of the checkpoint.</param>
    /// <param name="left">What was dropped, and is therefore not in it.</param>
    private CheckpointEntry[] Collect(CheckpointKind kind, out TopicPartition[] left)
    {
        List<CheckpointEntry> all = [];
        lock (_gate)
        {
            foreach ((TopicPartition name, long offset) in _kept[(int)kind])
            {
                all.Add(new CheckpointEntry(name, offset));
            }
            foreach (Published published in _published[(int)kind].Values)
            {
                foreach (CheckpointEntry entry in published.Entries.AsSpan(0, published.Count))
                {
                    if (published.Dropped.Count == 0 || !published.Dropped.Contains(entry.Partition))
                    {
                        all.Add(entry);
                    }
                }
            }
            left = _outdated[(int)kind].Count == 0 ? [] : [.. _outdated[(int)kind]];
        }
        all.Sort(
            static (a, b) =>
            {
                int topic = string.CompareOrdinal(a.Partition.Topic, b.Partition.Topic);
                return topic != 0 ? topic : a.Partition.Partition.CompareTo(b.Partition.Partition);
            }
        );
        return all.ToArray();
    }
}
