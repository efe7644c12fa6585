using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Files;

/// <summary>Writes the checkpoint files of all directories, from what the cores last published.</summary>
internal sealed class CheckpointJob(LogDirectories directories) : IBackgroundJob
{
    public bool IsRunning { get; set; }

    public void Run()
    {
        foreach (LogDirectory directory in directories.WithMetadata)
        {
            Errno error = directory.IsOffline ? Errno.None : directory.WriteAll();
            if (error != Errno.None)
            {
                Log.For("storage")
                    .Warn("a checkpoint could not be written", ("directory", directory.Path), ("error", error));
            }
        }
    }

    public void Done(Core core) => IsRunning = false;
}

internal sealed class EpochJob(PartitionLog log, long version, byte[] bytes) : IBackgroundJob
{
    private readonly EpochFile _file = log.EpochFile;
    private Errno _error;

    public void Run() => _error = _file.Write(version, bytes);

    public void Done(Core core)
    {
        log.Epochs.IsDirty |= _error != Errno.None;
        log.Jobs.End();
    }
}
