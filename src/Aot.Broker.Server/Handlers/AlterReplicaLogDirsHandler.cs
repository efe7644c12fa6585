using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Files;
using Result = Aot.Broker.Protocol.Messages.AlterReplicaLogDirsResponse.AlterReplicaLogDirTopicResult;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// AlterReplicaLogDirs (34): begins to move partitions of this broker to another of its log directories (KIP-113). The
/// answer comes when the moves have begun; DescribeLogDirs shows how far they are.
/// </summary>
internal sealed class AlterReplicaLogDirsHandler(ServerCore server)
    : ControlHandler<AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse>(
        server,
        AlterReplicaLogDirsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.AlterReplicaLogDirs;

    protected override async ValueTask<AlterReplicaLogDirsResponse> HandleAsync(
        RequestContext context,
        AlterReplicaLogDirsRequest request
    )
    {
        // As in Apache Kafka the last of several directories for one partition counts.
        Dictionary<TopicPartition, string> wanted = [];
        foreach (AlterReplicaLogDirsRequest.AlterReplicaLogDir directory in request.Dirs)
        {
            foreach (AlterReplicaLogDirsRequest.AlterReplicaLogDirTopic topic in directory.Topics)
            {
                foreach (int partition in topic.Partitions)
                {
                    wanted[new TopicPartition(topic.Name, partition)] = directory.Path;
                }
            }
        }
        AlterReplicaLogDirsResponse response = new();
        Dictionary<string, Result> topics = [];
        foreach ((TopicPartition name, string path) in wanted)
        {
            if (!topics.TryGetValue(name.Topic, out Result? topic))
            {
                topics.Add(name.Topic, topic = new Result { TopicName = name.Topic });
                response.Results.Add(topic);
            }
            topic.Partitions.Add(
                new AlterReplicaLogDirsResponse.AlterReplicaLogDirPartitionResult
                {
                    PartitionIndex = name.Partition,
                    ErrorCode = (short)await MoveAsync(context, name, path),
                }
            );
        }
        return response;
    }

    private async ValueTask<ErrorCode> MoveAsync(RequestContext context, TopicPartition name, string path)
    {
        if (!LogFileNames.FitsMarked(name, LogFileNames.FutureDirectorySuffix))
        {
            return ErrorCode.InvalidTopicException;
        }
        LogDirectories directories = Server.Server.Directories;
        LogDirectory? target = directories.All.FirstOrDefault(directory => directory.Path == path);
        if (target is null)
        {
            bool isOffline = directories.Offline.Any(directory => directory.Path == path);
            return isOffline ? ErrorCode.KafkaStorageError : ErrorCode.LogDirNotFound;
        }
        if (target.IsOffline)
        {
            return ErrorCode.KafkaStorageError;
        }
        BrokerImage? self = context.Image.Broker(Server.Server.Options.NodeId);
        if (self?.IsCordoned(target.Meta!.DirectoryId) == true)
        {
            return ErrorCode.InvalidReplicaAssignment;
        }
        TopicImage? topic = context.Image.Topic(name.Topic);
        if (topic?.Partition(name.Partition) is not { } partition)
        {
            directories.Wishes.Prefer(name, target);
            return ErrorCode.UnknownTopicOrPartition;
        }
        if (!partition.Replicas.Contains(Server.Server.Options.NodeId))
        {
            directories.Wishes.Prefer(name, target);
            return ErrorCode.ReplicaNotAvailable;
        }
        CoreIndex owner = PartitionPlacement.CoreOf(topic.Id, name.Partition, context.Core.CoreCount);
        return await context.Core.CallAsync(
            owner,
            async core =>
            {
                LogSet logs = core.Get<LogSet>();
                return logs.Find(topic.Id, name.Partition) is { } log
                    ? await logs.Moves.StartAsync(log, target)
                    : ErrorCode.KafkaStorageError;
            }
        );
    }
}
