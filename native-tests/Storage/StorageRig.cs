using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Tests;

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
