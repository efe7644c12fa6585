using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Perf.Client;

/// <summary>The topic of a load: made for it, and deleted behind it.</summary>
internal static class Topics
{
    private const int LimitMs = 60_000;
    private const long Latest = -1;

    public static void Create(
        Caller caller,
        string name,
        int partitions,
        IEnumerable<(string Name, string Value)> configs
    )
    {
        CreateTopicsRequest.CreatableTopic topic = new()
        {
            Name = name,
            NumPartitions = partitions,
            ReplicationFactor = 1,
        };
        foreach ((string config, string value) in configs)
        {
            topic.Configs.Add(new CreateTopicsRequest.CreatableTopicConfig { Name = config, Value = value });
        }
        CreateTopicsResponse answer = caller.Call<CreateTopicsResponse>(
            ApiKey.CreateTopics,
            7,
            new CreateTopicsRequest { TimeoutMs = LimitMs, Topics = [topic] },
            CreateTopicsResponse.TryRead
        );
        Check(answer.Topics[0].ErrorCode, $"creating topic {name}: {answer.Topics[0].ErrorMessage}");
        AwaitLeaders(caller, name, partitions);
    }

    public static void Delete(Caller caller, string name) =>
        caller.Call<DeleteTopicsResponse>(
            ApiKey.DeleteTopics,
            6,
            new DeleteTopicsRequest
            {
                TimeoutMs = LimitMs,
                Topics = [new DeleteTopicsRequest.DeleteTopicState { Name = name }],
            },
            DeleteTopicsResponse.TryRead
        );

    /// <summary>The offset behind the last record of each partition.</summary>
    public static long[] Ends(Caller caller, string name, int partitions)
    {
        ListOffsetsRequest.ListOffsetsTopic topic = new() { Name = name };
        for (int i = 0; i < partitions; i++)
        {
            topic.Partitions.Add(
                new ListOffsetsRequest.ListOffsetsPartition { PartitionIndex = i, Timestamp = Latest }
            );
        }
        ListOffsetsResponse answer = caller.Call<ListOffsetsResponse>(
            ApiKey.ListOffsets,
            7,
            new ListOffsetsRequest { ReplicaId = -1, Topics = [topic] },
            ListOffsetsResponse.TryRead
        );
        long[] ends = new long[partitions];
        foreach (var partition in answer.Topics[0].Partitions)
        {
            Check(partition.ErrorCode, $"the end of {name}-{partition.PartitionIndex}");
            ends[partition.PartitionIndex] = partition.Offset;
        }
        return ends;
    }

    public static void Check(short error, string what)
    {
        if ((ErrorCode)error != ErrorCode.None)
        {
            throw new LoadException($"{what}: {(ErrorCode)error}");
        }
    }

    private static void AwaitLeaders(Caller caller, string name, int partitions)
    {
        long limit = EventLoop.Now + (LimitMs * 1_000_000L);
        while (EventLoop.Now < limit)
        {
            MetadataResponse answer = caller.Call<MetadataResponse>(
                ApiKey.Metadata,
                12,
                new MetadataRequest { Topics = [new MetadataRequest.MetadataRequestTopic { Name = name }] },
                MetadataResponse.TryRead
            );
            if (
                answer.Topics is [{ ErrorCode: 0 } topic]
                && topic.Partitions.Count == partitions
                && topic.Partitions.TrueForAll(partition => partition.ErrorCode == 0 && partition.LeaderId >= 0)
            )
            {
                return;
            }
        }
        throw new LoadException($"topic {name} has no leaders after {LimitMs / 1000} s");
    }
}
