using Aot.Broker.Base;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Cluster;

/// <summary>Tells the controller in which log directory a core's logs are, where the metadata says otherwise.</summary>
internal static class DirectoryReports
{
    /// <summary>On a core, once its logs are open: what moved before the last stop, and each move from now on.</summary>
    public static ValueTask Begin(Core core, Controller controller, int nodeId)
    {
        LogSet logs = core.Get<LogSet>();
        MetadataImage image = core.Get<MetadataView>().Image;
        logs.Moves.OnMoved = log => Report(core, controller, log);
        foreach (PartitionLog log in logs.All)
        {
            PartitionImage? partition = image.Topic(log.TopicId)?.Partition(log.Name.Partition);
            if (partition is not null && partition.DirectoryOf(nodeId) != log.LogDirectory.Meta?.DirectoryId)
            {
                Report(core, controller, log);
            }
        }
        return ValueTask.CompletedTask;
    }

    private static void Report(Core core, Controller controller, PartitionLog log)
    {
        if (log.LogDirectory.Meta is { DirectoryId.IsZero: false } meta)
        {
            KafkaUuid directory = meta.DirectoryId;
            core.Spawn(async _ =>
                await controller.AssignDirectoryAsync(core, log.TopicId, log.Name.Partition, directory)
            );
        }
    }
}
