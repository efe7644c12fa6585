using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Tests;

/// <summary>The kernel's files, with faults on demand and a count of what is open.</summary>
internal sealed class TestDisk : Disk
{
    private readonly LinuxDisk _disk = new();
    private readonly Dictionary<int, string> _open = [];

    public Errno WriteError { get; set; }

    public Errno SyncError { get; set; }

    public Errno OpenError { get; set; }

    public Errno ReadError { get; set; }

    /// <summary>Bytes of a failing write that still reach the file.</summary>
    public int WrittenBeforeError { get; set; }

    /// <summary>Calls that change the disk and still take place; all after them fail, as those of a process that is gone.</summary>
    public long ChangesUntilStop { get; set; } = long.MaxValue;

    public int VectoredWrites { get; private set; }

    public int Reads { get; private set; }

    public int Syncs { get; private set; }

    /// <summary>Bytes whose write-back was waited for.</summary>
    public long AwaitedBytes { get; private set; }

    public List<string> SyncedDirectories { get; } = [];

    public IReadOnlyCollection<string> OpenPaths => _open.Values;

    /// <summary>The call in which the process ends is half done where it can be.</summary>
    private bool IsStopped()
    {
        ChangesUntilStop = Math.Max(-1, ChangesUntilStop - 1);
        return ChangesUntilStop < 0;
    }

    public string PathOf(Fd fd) => _open[fd.Value];

    public override Errno Open(string path, DiskOpen mode, out Fd fd)
    {
        fd = Fd.None;
        if (mode != DiskOpen.ReadOnly && IsStopped())
        {
            return Errno.EIO;
        }
        if (OpenError != Errno.None)
        {
            return OpenError;
        }
        Errno error = _disk.Open(path, mode, out fd);
        if (error == Errno.None)
        {
            _open.Add(fd.Value, path);
        }
        return error;
    }

    public override void Close(Fd fd)
    {
        Assert.True(_open.Remove(fd.Value), "closed twice");
        _disk.Close(fd);
    }

    public override void Unlock(Fd fd)
    {
        Assert.True(_open.Remove(fd.Value), "unlocked twice");
        _disk.Unlock(fd);
    }

    /// <summary>What the kernel does at the end of a process.</summary>
    public void CloseAll()
    {
        foreach (int fd in _open.Keys)
        {
            _disk.Close(new Fd(fd));
        }
        _open.Clear();
    }

    public override long Write(Fd fd, ReadOnlySpan<IoPiece> pieces, long position)
    {
        VectoredWrites++;
        if (WriteError != Errno.None)
        {
            byte[] part = new byte[WrittenBeforeError];
            _disk.Write(fd, part, position);
            return -(long)WriteError;
        }
        return _disk.Write(fd, pieces, position);
    }

    public override long Write(Fd fd, ReadOnlySpan<byte> bytes, long position)
    {
        bool wasRunning = ChangesUntilStop >= 0;
        if (IsStopped())
        {
            _disk.Write(fd, bytes[..(wasRunning ? bytes.Length / 2 : 0)], position);
            return -(long)Errno.EIO;
        }
        return WriteError != Errno.None ? -(long)WriteError : _disk.Write(fd, bytes, position);
    }

    public override long Read(Fd fd, Span<byte> target, long position)
    {
        Reads++;
        return ReadError != Errno.None ? -(long)ReadError : _disk.Read(fd, target, position);
    }

    public override Errno Truncate(Fd fd, long length) => IsStopped() ? Errno.EIO : _disk.Truncate(fd, length);

    public override Errno Allocate(Fd fd, long position, long length) => _disk.Allocate(fd, position, length);

    public override Errno Sync(Fd fd, bool dataOnly)
    {
        Syncs++;
        return SyncError != Errno.None ? SyncError : _disk.Sync(fd, dataOnly);
    }

    public override Errno SyncDirectory(string path)
    {
        SyncedDirectories.Add(path);
        return _disk.SyncDirectory(path);
    }

    public override Errno StartWriteback(Fd fd, long position, long length) =>
        _disk.StartWriteback(fd, position, length);

    public override Errno AwaitWriteback(Fd fd, long position, long length)
    {
        AwaitedBytes += length;
        return _disk.AwaitWriteback(fd, position, length);
    }

    public override long Length(Fd fd) => _disk.Length(fd);

    /// <summary>What is not in the page cache, by path and range; null = the kernel says it.</summary>
    public Func<string, long, long, bool>? IsMissing { get; set; }

    public override bool IsResident(Fd fd, long position, long length) =>
        IsMissing is { } isMissing
            ? !isMissing(_open[fd.Value], position, length)
            : _disk.IsResident(fd, position, length);

    /// <summary>The rename that fails, counted from 0; nothing before it and nothing behind it does.</summary>
    public long RenamesUntilError { get; set; } = long.MaxValue;

    public override Errno Rename(string from, string to) =>
        IsStopped() || RenamesUntilError-- == 0 ? Errno.EIO : _disk.Rename(from, to);

    public override Errno Delete(string path) => IsStopped() ? Errno.EIO : _disk.Delete(path);

    public override Errno CreateDirectory(string path) => _disk.CreateDirectory(path);

    public override Errno DeleteDirectory(string path) => _disk.DeleteDirectory(path);

    public override bool Exists(string path) => _disk.Exists(path);

    public override long LengthOf(string path) => _disk.LengthOf(path);

    public override long ModifiedMillisOf(string path) => _disk.ModifiedMillisOf(path);

    public override Errno SetModified(Fd fd, long wallMillis) => _disk.SetModified(fd, wallMillis);

    public override Errno List(string directory, List<DiskEntry> entries) => _disk.List(directory, entries);

    public override Errno Lock(string path, out Fd fd)
    {
        Errno error = _disk.Lock(path, out fd);
        if (error == Errno.None)
        {
            _open.Add(fd.Value, path);
        }
        return error;
    }
}

/// <summary>A core's I/O without a network: a clock that the test moves, and syncs that complete in the next turn.</summary>
internal sealed class StepIo : CoreIo
{
    private readonly Queue<(Fd File, bool DataOnly, IFileTarget Target, long Token)> _syncs = new();

    public long Nanos { get; set; } = 1_000_000_000;

    public long Wall { get; set; } = 1_700_000_000_000;

    /// <summary>Syncs stay under way while this is set.</summary>
    public bool HoldSyncs { get; set; }

    public int PendingSyncs => _syncs.Count;

    public override string Name => "stepped";

    public override int Connections => 0;

    public override void Start() { }

    public override Errno Listen(IPEndPoint endpoint, int backlog, out Fd listener, out IPEndPoint bound) =>
        throw new NotSupportedException();

    public override void Accept(Fd listener, IAcceptTarget target) => throw new NotSupportedException();

    public override void StopAccept(Fd listener) => throw new NotSupportedException();

    public override IoHandle Attach(Fd socket, IConnectionEvents events) => throw new NotSupportedException();

    public override void Receive(IoHandle connection) => throw new NotSupportedException();

    public override void ReceiveInto(IoHandle connection, BufferHandle buffer, int offset, int length) =>
        throw new NotSupportedException();

    public override long TrySend(IoHandle connection, ReadOnlySpan<IoPiece> pieces, bool more) =>
        throw new NotSupportedException();

    public override long TrySendFile(IoHandle connection, Fd file, long position, long length, bool more) =>
        throw new NotSupportedException();

    public override void ArmWritable(IoHandle connection) => throw new NotSupportedException();

    public override void Close(IoHandle connection) => throw new NotSupportedException();

    public override IPEndPoint LocalEndPoint(IoHandle connection) => throw new NotSupportedException();

    public override IPEndPoint RemoteEndPoint(IoHandle connection) => throw new NotSupportedException();

    public override void SyncFile(Fd file, bool dataOnly, IFileTarget target, long token) =>
        _syncs.Enqueue((file, dataOnly, target, token));

    public override void ReadAhead(Fd file, long position, long length, IFileTarget target, long token) =>
        throw new NotSupportedException();

    public override long MonotonicNanos() => Nanos;

    public override long CoarseNanos() => Nanos;

    public override long WallMillis() => Wall;

    public override ulong Random() => (ulong)System.Random.Shared.NextInt64();

    public override int Dispatch()
    {
        int count = HoldSyncs ? 0 : _syncs.Count;
        for (int i = 0; i < count; i++)
        {
            (Fd file, bool dataOnly, IFileTarget target, long token) = _syncs.Dequeue();
            Errno error = Core.Disk.Sync(file, dataOnly);
            target.OnFileDone(token, -(long)error);
        }
        return count;
    }

    public override void SubmitAndWait(long deadlineNanos) { }

    public override void Wake() { }

    public override void Dispose() { }
}

/// <summary>Background jobs run between turns, in order.</summary>
internal sealed class StepBackground : BackgroundPool
{
    private readonly Queue<(Core Core, IBackgroundJob Job)> _jobs = new();

    public int Pending => _jobs.Count;

    public override void Run(Core core, IBackgroundJob job) => _jobs.Enqueue((core, job));

    public bool RunOne()
    {
        if (!_jobs.TryDequeue(out (Core Core, IBackgroundJob Job) next))
        {
            return false;
        }
        next.Job.Run();
        PostDone(next.Core, next.Job);
        return true;
    }

    public override void Dispose() => _jobs.Clear();
}

/// <summary>One stepped core with its logs in a directory of its own. A restart is a new rig over the same directory.</summary>
internal sealed class StorageRig : IDisposable
{
    private readonly bool _ownsDirectory;
    private readonly CoreGroup _group;
    private readonly List<Exception> _unhandled = [];
    private bool _ended;

    public StorageRig(
        string? directory = null,
        LogSetOptions? options = null,
        bool canDispose = true,
        bool hasSecond = false
    )
    {
        _ownsDirectory = directory is null && canDispose;
        DirectoryPath =
            directory ?? Path.Combine(Path.GetTempPath(), "aot-broker-storage-" + Guid.NewGuid().ToString("N"));
        _group = CoreGroup.CreateStepped(
            new CoreGroupOptions
            {
                Disk = Disk,
                InFlightBytesMax = 32 * 1024 * 1024,
                BufferChecks = BufferChecks.PoisonAndGuard,
                OnUnhandled = (_, error) => _unhandled.Add(error),
            },
            [Io],
            Background
        );
        Directories = LogDirectories.Open(
            Disk,
            hasSecond ? [DirectoryPath, SecondPath] : [DirectoryPath],
            (path, error) => SyncFailures.Add((path, error))
        );
        Set = new LogSet(Core, Directories, options);
        Core.Set(Set);
    }

    public TestDisk Disk { get; } = new();

    public StepIo Io { get; } = new();

    public StepBackground Background { get; } = new();

    public string DirectoryPath { get; }

    /// <summary>Another of <c>log.dirs</c>, where the rig was made with one.</summary>
    public string SecondPath => DirectoryPath + "-second";

    public LogDirectories Directories { get; }

    public LogSet Set { get; }

    public Core Core => _group.Cores[0];

    public List<(string, Errno)> SyncFailures { get; } = [];

    public static KafkaUuid TopicId { get; } = new(7, 9);

    public static TopicPartition Name { get; } = new("events", 0);

    public string PartitionPath => Path.Combine(DirectoryPath, "events-0");

    /// <summary>Turns and background jobs until nothing is left to do.</summary>
    public void Pump()
    {
        for (int quiet = 0; quiet < 3; )
        {
            Core.RunTurn();
            quiet = Background.RunOne() ? 0 : quiet + 1;
        }
        if (_unhandled.Count > 0)
        {
            throw new AggregateException(_unhandled);
        }
    }

    public void Turn() => Core.RunTurn();

    public void Advance(long milliseconds)
    {
        Io.Nanos += milliseconds * 1_000_000;
        Io.Wall += milliseconds;
        Pump();
    }

    public T Do<T>(Func<Core, ValueTask<T>> work)
    {
        Task<T> task = Core.RunFromThreadAsync(work);
        for (int i = 0; i < 10_000 && !task.IsCompleted; i++)
        {
            Pump();
        }
        Assert.True(task.IsCompleted, "the work does not end");
        return task.GetAwaiter().GetResult();
    }

    public void Do(Func<Core, ValueTask> work) =>
        Do(async core =>
        {
            await work(core);
            return true;
        });

    /// <summary>On the core, in one turn.</summary>
    public void On(Action work) =>
        Do(_ =>
        {
            work();
            return ValueTask.CompletedTask;
        });

    public (ErrorCode Error, PartitionLog? Log) TryOpen(LogConfig? config = null, TopicPartition? name = null) =>
        Do(_ => Set.OpenAsync(name ?? Name, TopicId, config ?? new LogConfig()));

    public PartitionLog Open(LogConfig? config = null, TopicPartition? name = null, int epoch = 0)
    {
        (ErrorCode error, PartitionLog? log) = TryOpen(config, name);
        Assert.Equal(ErrorCode.None, error);
        On(() => log!.BecomeLeader(epoch));
        return log!;
    }

    public AppendResult Append(PartitionLog log, byte[] batch, AppendOrigin origin = AppendOrigin.Client)
    {
        AppendResult result = default;
        On(() => result = log.AppendCopy(batch, origin, Io.Wall));
        return result;
    }

    public AppendResult MustAppend(PartitionLog log, byte[] batch, AppendOrigin origin = AppendOrigin.Client)
    {
        AppendResult result = Append(log, batch, origin);
        Assert.Equal(ErrorCode.None, result.Error);
        return result;
    }

    /// <summary>Everything from an offset on that this isolation shows, over all segments.</summary>
    public List<byte[]> ReadAll(PartitionLog log, long from, ReadIsolation isolation = ReadIsolation.HighWatermark)
    {
        List<byte[]> batches = [];
        long offset = from;
        while (true)
        {
            List<byte[]> some = ReadSome(log, offset, 1 << 20, isolation);
            if (some.Count == 0)
            {
                return batches;
            }
            batches.AddRange(some);
            offset = Batches.View(some[^1]).NextOffset;
        }
    }

    /// <summary>The whole batches of one read.</summary>
    public List<byte[]> ReadSome(PartitionLog log, long offset, int bytesMax, ReadIsolation isolation)
    {
        ErrorCode error = log.Read(offset, bytesMax, isolation, atLeastOneBatch: true, out LogSlice slice);
        Assert.Equal(ErrorCode.None, error);
        byte[] bytes = new byte[slice.Length];
        if (slice.Length > 0)
        {
            Assert.Equal(slice.Length, Disk.Read(slice.File, bytes, slice.Position));
            slice.Lease.Release();
        }
        return Batches.Split(bytes);
    }

    /// <summary>Closes as SIGTERM does.</summary>
    public void StopClean()
    {
        Do(_ => Set.CloseAsync(clean: true));
        Directories.SaveCleanShutdown(brokerEpoch: 12);
        End();
    }

    /// <summary>As kill -9: nothing is written any more; the page cache stays.</summary>
    public void Kill() => End();

    public void Dispose()
    {
        if (!_ended)
        {
            End();
        }
        if (_ownsDirectory && Directory.Exists(DirectoryPath))
        {
            Directory.Delete(DirectoryPath, recursive: true);
        }
        if (_ownsDirectory && Directory.Exists(SecondPath))
        {
            Directory.Delete(SecondPath, recursive: true);
        }
    }

    private void End()
    {
        _ended = true;
        Directories.Dispose();
        _group.Dispose();
        Background.Dispose();
        foreach (string path in Disk.OpenPaths.ToArray())
        {
            Assert.DoesNotContain(".lock", path);
        }
        Disk.CloseAll();
    }
}
