using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Server.Share;

namespace Aot.Broker.Server.Tests;

/// <summary>A member of a share group, request by request, on a connection of its own.</summary>
internal sealed class ShareMember(WireClient client, string id, KafkaUuid topic) : IDisposable
{
    public const string Group = "share";

    private int _epoch;

    /// <summary>What the next request says; it counts up by itself.</summary>
    public int Epoch
    {
        get => _epoch;
        set => _epoch = value;
    }

    public static async Task<ShareMember> ConnectAsync(BrokerRig rig, string id, KafkaUuid topic) =>
        new(await rig.ConnectAsync(), id, topic);

    /// <summary>As the group coordinator begins the state of a partition, from offset 0 on.</summary>
    public static async Task InitializeAsync(BrokerRig rig, KafkaUuid topic, int partitions)
    {
        using WireClient client = await rig.ConnectAsync();
        InitializeShareGroupStateRequest.InitializeStateData state = new() { TopicId = topic };
        for (int i = 0; i < partitions; i++)
        {
            state.Partitions.Add(
                new InitializeShareGroupStateRequest.PartitionData
                {
                    Partition = i,
                    StateEpoch = 1,
                    StartOffset = 0,
                }
            );
        }
        InitializeShareGroupStateRequest request = new() { GroupId = Group, Topics = [state] };
        ErrorCode error;
        do
        {
            InitializeShareGroupStateResponse response = await client.CallAsync<InitializeShareGroupStateResponse>(
                ApiKey.InitializeShareGroupState,
                0,
                request,
                InitializeShareGroupStateResponse.TryRead
            );
            error = (ErrorCode)response.Results[0].Partitions[0].ErrorCode;
            if (error == ErrorCode.NotCoordinator)
            {
                await client.CallAsync<FindCoordinatorResponse>(
                    ApiKey.FindCoordinator,
                    6,
                    new FindCoordinatorRequest { KeyType = 2, CoordinatorKeys = [$"{Group}:{topic}:0"] },
                    FindCoordinatorResponse.TryRead
                );
            }
        } while (error is ErrorCode.NotCoordinator or ErrorCode.CoordinatorLoadInProgress);
        Assert.Equal(ErrorCode.None, error);
    }

    public void Dispose() => client.Dispose();

    public Task<ShareFetchResponse> FetchAsync(
        int[] partitions,
        int maxWaitMs = 10_000,
        int maxRecords = 500,
        AcquireMode mode = AcquireMode.BatchOptimized,
        params (int Partition, long First, long Last, AcknowledgeType Type)[] acknowledged
    )
    {
        ShareFetchRequest.FetchTopic asked = new() { TopicId = topic };
        foreach (int partition in partitions)
        {
            asked.Partitions.Add(new ShareFetchRequest.FetchPartition { PartitionIndex = partition });
        }
        foreach ((int partition, long first, long last, AcknowledgeType type) in acknowledged)
        {
            asked.Partitions.Add(
                new ShareFetchRequest.FetchPartition
                {
                    PartitionIndex = partition,
                    AcknowledgementBatches =
                    [
                        new()
                        {
                            FirstOffset = first,
                            LastOffset = last,
                            AcknowledgeTypes = [(sbyte)type],
                        },
                    ],
                }
            );
        }
        return FetchAsync(
            new ShareFetchRequest
            {
                GroupId = Group,
                MemberId = id,
                ShareSessionEpoch = Next(),
                MaxWaitMs = maxWaitMs,
                MinBytes = 1,
                MaxBytes = 1 << 20,
                MaxRecords = maxRecords,
                BatchSize = 500,
                ShareAcquireMode = (sbyte)mode,
                Topics = asked.Partitions.Count == 0 ? [] : [asked],
            }
        );
    }

    public Task<ShareFetchResponse> FetchAsync(ShareFetchRequest request) =>
        client.CallAsync<ShareFetchResponse>(ApiKey.ShareFetch, 2, request, ShareFetchResponse.TryRead);

    /// <summary>The error of the one partition, or that of the whole request.</summary>
    public async Task<ErrorCode> AcknowledgeAsync(
        int partition,
        long first,
        long last,
        AcknowledgeType type,
        bool isRenewal = false
    )
    {
        ShareAcknowledgeResponse response = await client.CallAsync<ShareAcknowledgeResponse>(
            ApiKey.ShareAcknowledge,
            2,
            new ShareAcknowledgeRequest
            {
                GroupId = Group,
                MemberId = id,
                ShareSessionEpoch = Next(),
                IsRenewAck = isRenewal,
                Topics =
                [
                    new()
                    {
                        TopicId = topic,
                        Partitions =
                        [
                            new()
                            {
                                PartitionIndex = partition,
                                AcknowledgementBatches =
                                [
                                    new()
                                    {
                                        FirstOffset = first,
                                        LastOffset = last,
                                        AcknowledgeTypes = [(sbyte)type],
                                    },
                                ],
                            },
                        ],
                    },
                ],
            },
            ShareAcknowledgeResponse.TryRead
        );
        return response.ErrorCode != 0
            ? (ErrorCode)response.ErrorCode
            : (ErrorCode)response.Responses[0].Partitions[0].ErrorCode;
    }

    /// <summary>The ranges of a partition that an answer has, and what is in the records.</summary>
    public static List<AcquiredRange> Ranges(ShareFetchResponse response, int partition)
    {
        List<AcquiredRange> ranges = [];
        foreach (ShareFetchResponse.ShareFetchableTopicResponse topic in response.Responses)
        {
            foreach (ShareFetchResponse.PartitionData data in topic.Partitions)
            {
                if (data.PartitionIndex == partition)
                {
                    Assert.Equal(ErrorCode.None, (ErrorCode)data.ErrorCode);
                    foreach (ShareFetchResponse.AcquiredRecords one in data.AcquiredRecords)
                    {
                        ranges.Add(new AcquiredRange(one.FirstOffset, one.LastOffset, one.DeliveryCount));
                    }
                }
            }
        }
        return ranges;
    }

    /// <summary>Epoch 0 first, then one after the other; the final epoch stays.</summary>
    private int Next() => _epoch < 0 ? _epoch : _epoch++;
}
