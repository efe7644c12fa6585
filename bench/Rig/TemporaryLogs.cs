using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Bench.Rig;

/// <summary>The logs of a stepped core in a directory of their own, which goes away with them.</summary>
internal sealed class TemporaryLogs : IDisposable
{
    private readonly LogDirectories _directories;

    public TemporaryLogs(SteppedCore core)
    {
        Owner = core;
        DirectoryPath = Directory.CreateTempSubdirectory("aot-broker-bench-").FullName;
        _directories = LogDirectories.Open(core.Disk, [DirectoryPath]);
        Set = new LogSet(core.Core, _directories);
    }

    public SteppedCore Owner { get; }

    public string DirectoryPath { get; }

    public LogSet Set { get; }

    /// <summary>A new log that this core leads.</summary>
    public PartitionLog Open(string topic, LogConfig? config = null)
    {
        KafkaUuid id = KafkaUuid.NewRandom(Owner.Core.NextRandom);
        return Owner.Do(async _ =>
        {
            (ErrorCode error, PartitionLog? log) = await Set.OpenAsync(
                new TopicPartition(topic, 0),
                id,
                config ?? new LogConfig()
            );
            Invariant.That(error == ErrorCode.None);
            log!.BecomeLeader(0);
            return log;
        });
    }

    public void Dispose()
    {
        Owner.Do(_ => Set.CloseAsync(clean: false));
        _directories.Dispose();
        Directory.Delete(DirectoryPath, recursive: true);
    }
}
