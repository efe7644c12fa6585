using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Does things to topics, one after the other, and each until the broker has said that it is done: over lost connections,
/// restarts and disks that refuse.
/// </summary>
internal sealed class Administrator(World world, Func<bool> isOver)
{
    private readonly Dictionary<(string Topic, string Setting), string> _settings = [];
    private WireClient? _client;

    /// <summary>Moves the start of a log; -1 = to the high watermark.</summary>
    public async Task DeleteRecordsAsync(TopicUnderTest topic, int partition, long offset)
    {
        topic.Ledger.Delete(partition, offset < 0 ? long.MaxValue : offset);
        DeleteRecordsRequest request = new()
        {
            Topics =
            [
                new() { Name = topic.Name, Partitions = [new() { PartitionIndex = partition, Offset = offset }] },
            ],
            TimeoutMs = 10_000,
        };
        await UntilDoneAsync(async client =>
        {
            DeleteRecordsResponse response = await client.CallAsync<DeleteRecordsResponse>(
                ApiKey.DeleteRecords,
                2,
                request,
                DeleteRecordsResponse.TryRead
            );
            DeleteRecordsResponse.DeleteRecordsPartitionResult result = response.Topics[0].Partitions[0];
            if (!IsDone(topic, (ErrorCode)result.ErrorCode, "DeleteRecords"))
            {
                return false;
            }
            world.Check(result.LowWatermark >= offset, $"records below {offset} deleted: {result.LowWatermark}");
            topic.Ledger.Deleted(partition, result.LowWatermark);
            return true;
        });
    }

    public async Task DeleteTopicAsync(TopicUnderTest topic)
    {
        topic.IsEnding = topic.IsOver = true;
        bool mayBeGone = false;
        await UntilDoneAsync(async client =>
        {
            bool mayBeGoneNow = mayBeGone;
            mayBeGone = true;
            DeleteTopicsResponse response = await client.CallAsync<DeleteTopicsResponse>(
                ApiKey.DeleteTopics,
                6,
                new DeleteTopicsRequest { Topics = [new() { Name = null, TopicId = topic.Id }], TimeoutMs = 10_000 },
                DeleteTopicsResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.Responses[0].ErrorCode;
            if (error == ErrorCode.UnknownTopicId && mayBeGoneNow)
            {
                return true;
            }
            return IsDone(topic, error, "DeleteTopics");
        });
        topic.IsDeleted = true;
    }

    public async Task ConfigureAsync(TopicUnderTest topic, string name, string value)
    {
        await UntilDoneAsync(async client =>
        {
            IncrementalAlterConfigsResponse response = await client.CallAsync<IncrementalAlterConfigsResponse>(
                ApiKey.IncrementalAlterConfigs,
                1,
                new IncrementalAlterConfigsRequest
                {
                    Resources =
                    [
                        new()
                        {
                            ResourceType = TopicResource,
                            ResourceName = topic.Name,
                            Configs = [new() { Name = name, Value = value }],
                        },
                    ],
                },
                IncrementalAlterConfigsResponse.TryRead
            );
            return IsDone(topic, (ErrorCode)response.Responses[0].ErrorCode, "IncrementalAlterConfigs");
        });
        _settings[(topic.Name, name)] = value;
    }

    /// <summary>Has a partition moved to another log directory, and waits until it is there.</summary>
    public async Task MoveAsync(TopicUnderTest topic, int partition)
    {
        string? target = null;
        await UntilDoneAsync(async client =>
        {
            DescribeLogDirsResponse described = await client.CallAsync<DescribeLogDirsResponse>(
                ApiKey.DescribeLogDirs,
                4,
                new DescribeLogDirsRequest { Topics = [new() { Topic = topic.Name, Partitions = [partition] }] },
                DescribeLogDirsResponse.TryRead
            );
            string[] homes =
            [
                .. described
                    .Results.Where(dir => dir.Topics.Any(t => t.Partitions.Any(p => !p.IsFutureKey)))
                    .Select(dir => dir.LogDir),
            ];
            world.Check(homes.Length <= 1, $"{topic.Name}-{partition} is in {string.Join(" and ", homes)}");
            if (homes.Length == 0)
            {
                return false;
            }
            target ??= described.Results.First(dir => dir.LogDir != homes[0]).LogDir;
            if (homes[0] == target)
            {
                return true;
            }
            AlterReplicaLogDirsResponse response = await client.CallAsync<AlterReplicaLogDirsResponse>(
                ApiKey.AlterReplicaLogDirs,
                2,
                new AlterReplicaLogDirsRequest
                {
                    Dirs = [new() { Path = target, Topics = [new() { Name = topic.Name, Partitions = [partition] }] }],
                },
                AlterReplicaLogDirsResponse.TryRead
            );
            IsDone(topic, (ErrorCode)response.Results[0].Partitions[0].ErrorCode, "AlterReplicaLogDirs");
            return false;
        });
    }

    /// <summary>Every setting has the value that was acknowledged last.</summary>
    public async Task CheckConfigsAsync()
    {
        foreach (((string topic, string name), string value) in _settings)
        {
            await UntilDoneAsync(async client =>
            {
                DescribeConfigsResponse response = await client.CallAsync<DescribeConfigsResponse>(
                    ApiKey.DescribeConfigs,
                    4,
                    new DescribeConfigsRequest
                    {
                        Resources =
                        [
                            new()
                            {
                                ResourceType = TopicResource,
                                ResourceName = topic,
                                ConfigurationKeys = [name],
                            },
                        ],
                    },
                    DescribeConfigsResponse.TryRead
                );
                DescribeConfigsResponse.DescribeConfigsResult result = response.Results[0];
                string? found = result.Configs.SingleOrDefault()?.Value;
                world.Check(found == value, $"{name} of {topic} was set to {value} and is {found}");
                return true;
            });
        }
    }

    /// <summary>A topic whose deletion was acknowledged does not come back.</summary>
    public Task CheckGoneAsync(TopicUnderTest topic) =>
        UntilDoneAsync(async client =>
        {
            MetadataResponse response = await client.CallAsync<MetadataResponse>(
                ApiKey.Metadata,
                12,
                new MetadataRequest { Topics = [new() { TopicId = topic.Id, Name = null }] },
                MetadataResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.Topics[0].ErrorCode;
            world.Check(error == ErrorCode.UnknownTopicId, $"topic {topic.Name} was deleted, and is there: {error}");
            return true;
        });

    /// <summary>Tries again with a new connection, or a little later, until the step says that it is done.</summary>
    public async Task UntilDoneAsync(Func<WireClient, Task<bool>> step)
    {
        while (!isOver())
        {
            if (_client is null or { IsLost: true })
            {
                _client = await WireClient.ConnectAsync(world, isOver);
            }
            if (_client is null)
            {
                return;
            }
            try
            {
                if (await step(_client))
                {
                    return;
                }
                await world.DelayAsync(TopicUnderTest.RetryNanos);
            }
            catch (ConnectionLost)
            {
                _client = null;
            }
        }
    }

    public void Close()
    {
        if (_client is { IsLost: false })
        {
            _client.Close();
        }
        _client = null;
    }

    private const sbyte TopicResource = 2;

    private bool IsDone(TopicUnderTest topic, ErrorCode error, string what)
    {
        world.Check(error == ErrorCode.None || topic.MayAnswer(error), $"{what} of {topic.Name}: {error}");
        return error == ErrorCode.None;
    }
}
