using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Moves;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeLogDirs (35): the data directories, how full their disks are, and the partitions in them.</summary>
internal sealed class DescribeLogDirsHandler(ServerCore server)
    : ControlHandler<DescribeLogDirsRequest, DescribeLogDirsResponse>(server, DescribeLogDirsRequest.TryRead)
{
    private sealed record Found(string Directory, string Topic, int Partition, long Bytes)
    {
        /// <summary>A copy that is being made by a move.</summary>
        public bool IsFuture { get; init; }

        /// <summary>Records that the copy lacks.</summary>
        public long OffsetLag { get; init; }
    }

    public override ApiKey Key => ApiKey.DescribeLogDirs;

    protected override async ValueTask<DescribeLogDirsResponse> HandleAsync(
        RequestContext context,
        DescribeLogDirsRequest request
    )
    {
        HashSet<(string, int)>? wanted = request.Topics is null
            ? null
            : [.. request.Topics.SelectMany(topic => topic.Partitions.Select(partition => (topic.Topic, partition)))];
        List<Task<Found[]>> calls = [];
        for (int i = 0; i < context.Core.CoreCount; i++)
        {
            calls.Add(
                context.Core.CallAsync(
                    new Base.CoreIndex(i),
                    core => ValueTask.FromResult(List(core.Get<LogSet>(), wanted))
                )
            );
        }
        Found[] all = [.. (await CoreTasks.AllAsync(calls)).SelectMany(found => found)];
        LogDirectories known = Server.Server.Directories;
        LogDirectory[] directories = [.. known.All.Where(directory => !directory.IsOffline)];
        string[] paths = [.. directories.Select(directory => directory.Path)];
        (long Total, long Usable)[] space = await context.Core.RunInBackgroundAsync(() =>
            Array.ConvertAll(paths, SpaceOf)
        );
        BrokerImage? self = context.Image.Broker(Server.Options.NodeId);
        DescribeLogDirsResponse response = new();
        for (int i = 0; i < paths.Length; i++)
        {
            DescribeLogDirsResponse.DescribeLogDirsResult result = Describe(paths[i], space[i], all);
            result.IsCordoned = self?.IsCordoned(directories[i].Meta!.DirectoryId) == true;
            response.Results.Add(result);
        }
        AddOffline(response, known);
        return response;
    }

    /// <summary>Those that the disk refused at the start, and those that failed since: a name and an error.</summary>
    private static void AddOffline(DescribeLogDirsResponse response, LogDirectories directories)
    {
        IEnumerable<string> failed = directories.All.Where(each => each.IsOffline).Select(each => each.Path);
        foreach (string path in directories.Offline.Select(each => each.Path).Concat(failed))
        {
            response.Results.Add(
                new DescribeLogDirsResponse.DescribeLogDirsResult
                {
                    ErrorCode = (short)ErrorCode.KafkaStorageError,
                    LogDir = path,
                }
            );
        }
    }

    /// <summary>The metadata log is the controller's, and no tool is shown it here.</summary>
    private static Found[] List(LogSet logs, HashSet<(string, int)>? wanted) =>
        [
            .. logs
                .All.Where(log => log.Name != TopicPartition.ClusterMetadata)
                .Where(log => wanted is null || wanted.Contains((log.Name.Topic, log.Name.Partition)))
                .SelectMany(Replicas),
        ];

    private static IEnumerable<Found> Replicas(PartitionLog log)
    {
        yield return new Found(log.LogDirectory.Path, log.Name.Topic, log.Name.Partition, log.SizeInBytes);
        if (LogMoves.FutureOf(log) is { } future)
        {
            yield return new Found(future.Directory.Path, log.Name.Topic, log.Name.Partition, future.Bytes)
            {
                IsFuture = true,
                OffsetLag = future.OffsetLag,
            };
        }
    }

    private static DescribeLogDirsResponse.DescribeLogDirsResult Describe(
        string path,
        (long Total, long Usable) space,
        Found[] all
    )
    {
        DescribeLogDirsResponse.DescribeLogDirsResult result = new()
        {
            LogDir = path,
            TotalBytes = space.Total,
            UsableBytes = space.Usable,
        };
        foreach (
            IGrouping<string, Found> topic in all.Where(found => found.Directory == path)
                .GroupBy(found => found.Topic)
                .OrderBy(group => group.Key, StringComparer.Ordinal)
        )
        {
            result.Topics.Add(
                new DescribeLogDirsResponse.DescribeLogDirsTopic
                {
                    Name = topic.Key,
                    Partitions =
                    [
                        .. topic
                            .OrderBy(found => found.Partition)
                            .Select(found => new DescribeLogDirsResponse.DescribeLogDirsPartition
                            {
                                PartitionIndex = found.Partition,
                                PartitionSize = found.Bytes,
                                OffsetLag = found.OffsetLag,
                                IsFutureKey = found.IsFuture,
                            }),
                    ],
                }
            );
        }
        return result;
    }

    /// <summary>Of the disk that holds a directory; -1 where the system does not say.</summary>
    private static (long Total, long Usable) SpaceOf(string path)
    {
        try
        {
            DriveInfo drive = new(path);
            return (drive.TotalSize, drive.AvailableFreeSpace);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return (-1, -1);
        }
    }
}
