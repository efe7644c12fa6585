using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A member of a share group that accepts most of what it gets, gives some back, and keeps some without a word until its
/// connection ends. It comes back with each broker.
/// </summary>
internal sealed class ShareMember(TopicUnderTest topic, ShareLedger ledger, int number)
{
    public const string Group = "share";
    private const sbyte Accept = 1;
    private const sbyte Release = 2;

    /// <summary>A record that is given back more often may be given up by the broker.</summary>
    private const int DeliveriesBeforeRelease = 2;

    private readonly World _world = topic.World;
    private readonly List<(int Partition, long First, long Last, sbyte Type)> _owed = [];
    private int _epoch;

    /// <summary>Answers without records in a row, since the producers have ended.</summary>
    public int EmptyAnswers { get; private set; }

    public async Task RunAsync()
    {
        while (!topic.IsOver)
        {
            WireClient? client = await WireClient.ConnectAsync(_world, () => topic.IsOver);
            if (client is null)
            {
                return;
            }
            _epoch = 0;
            _owed.Clear();
            try
            {
                while (!topic.IsOver)
                {
                    await FetchAsync(client);
                    if (_world.Random.OneIn(2))
                    {
                        await AcknowledgeAsync(client);
                    }
                }
            }
            catch (ConnectionLost)
            {
                // What it held is free again.
            }
            client.Close();
        }
    }

    private async Task FetchAsync(WireClient client)
    {
        ShareFetchRequest request = new()
        {
            GroupId = Group,
            MemberId = $"member-{number}",
            ShareSessionEpoch = _epoch,
            MaxWaitMs = _world.Random.Between(0, 200),
            MinBytes = 1,
            MaxBytes = _world.Random.Pick<int>([500, 100_000]),
            MaxRecords = _world.Random.Between(1, 60),
            BatchSize = _world.Random.Between(1, 20),
            ShareAcquireMode = (sbyte)_world.Random.Below(2),
        };
        List<(int Partition, long First, long Last, sbyte Type)> sent = [];
        if (_epoch > 0)
        {
            sent.AddRange(_owed);
            _owed.Clear();
        }
        request.Topics.Add(TopicOf(_epoch == 0, sent));
        long asked = _world.NowNanos;
        ShareFetchResponse response = await client.CallAsync<ShareFetchResponse>(
            ApiKey.ShareFetch,
            2,
            request,
            ShareFetchResponse.TryRead
        );
        ErrorCode error = (ErrorCode)response.ErrorCode;
        if (error is ErrorCode.ShareSessionNotFound or ErrorCode.InvalidShareSessionEpoch)
        {
            _epoch = 0;
            return;
        }
        _world.Check(error == ErrorCode.None, $"share fetch: {error}");
        _epoch++;
        bool isEmpty = true;
        foreach (ShareFetchResponse.ShareFetchableTopicResponse answered in response.Responses)
        {
            foreach (ShareFetchResponse.PartitionData data in answered.Partitions)
            {
                isEmpty &= Take(data, sent, asked);
            }
        }
        EmptyAnswers = isEmpty && topic.IsEnding ? EmptyAnswers + 1 : 0;
    }

    /// <summary>True when it has nothing.</summary>
    private bool Take(
        ShareFetchResponse.PartitionData data,
        List<(int Partition, long First, long Last, sbyte Type)> sent,
        long asked
    )
    {
        ErrorCode error = (ErrorCode)data.ErrorCode;
        _world.Check(
            error == ErrorCode.None || topic.MayAnswer(error),
            $"share fetch of partition {data.PartitionIndex}: {error}"
        );
        if (data.AcknowledgeErrorCode == 0)
        {
            Confirm(sent, data.PartitionIndex);
        }
        foreach (ShareFetchResponse.AcquiredRecords range in data.AcquiredRecords)
        {
            for (long offset = range.FirstOffset; offset <= range.LastOffset; offset++)
            {
                ledger.Delivered(data.PartitionIndex, offset, range.DeliveryCount, asked);
            }
            bool releases = range.DeliveryCount <= DeliveriesBeforeRelease && _world.Random.OneIn(8);
            if (topic.IsEnding || !_world.Random.OneIn(10))
            {
                sbyte type = releases && !topic.IsEnding ? Release : Accept;
                _owed.Add((data.PartitionIndex, range.FirstOffset, range.LastOffset, type));
            }
        }
        return data.AcquiredRecords.Count == 0;
    }

    private async Task AcknowledgeAsync(WireClient client)
    {
        if (_owed.Count == 0 || _epoch == 0)
        {
            return;
        }
        List<(int Partition, long First, long Last, sbyte Type)> sent = [.. _owed];
        _owed.Clear();
        ShareAcknowledgeRequest request = new()
        {
            GroupId = Group,
            MemberId = $"member-{number}",
            ShareSessionEpoch = _epoch,
        };
        ShareAcknowledgeRequest.AcknowledgeTopic asked = new() { TopicId = topic.Id };
        foreach (
            IGrouping<int, (int Partition, long First, long Last, sbyte Type)> of in sent.GroupBy(s => s.Partition)
        )
        {
            ShareAcknowledgeRequest.AcknowledgePartition partition = new() { PartitionIndex = of.Key };
            foreach ((_, long first, long last, sbyte type) in of.OrderBy(s => s.First))
            {
                Note(of.Key, first, last, type);
                partition.AcknowledgementBatches.Add(
                    new()
                    {
                        FirstOffset = first,
                        LastOffset = last,
                        AcknowledgeTypes = [type],
                    }
                );
            }
            asked.Partitions.Add(partition);
        }
        request.Topics.Add(asked);
        ShareAcknowledgeResponse response = await client.CallAsync<ShareAcknowledgeResponse>(
            ApiKey.ShareAcknowledge,
            2,
            request,
            ShareAcknowledgeResponse.TryRead
        );
        ErrorCode error = (ErrorCode)response.ErrorCode;
        _world.Check(error == ErrorCode.None, $"share acknowledge: {error}");
        _epoch++;
        foreach (ShareAcknowledgeResponse.PartitionData data in response.Responses[0].Partitions)
        {
            if (data.ErrorCode == 0)
            {
                Confirm(sent, data.PartitionIndex);
            }
        }
    }

    private ShareFetchRequest.FetchTopic TopicOf(
        bool isFirst,
        List<(int Partition, long First, long Last, sbyte Type)> sent
    )
    {
        ShareFetchRequest.FetchTopic asked = new() { TopicId = topic.Id };
        for (int p = 0; p < topic.Partitions; p++)
        {
            ShareFetchRequest.FetchPartition partition = new() { PartitionIndex = p };
            foreach ((_, long first, long last, sbyte type) in sent.Where(s => s.Partition == p).OrderBy(s => s.First))
            {
                Note(p, first, last, type);
                partition.AcknowledgementBatches.Add(
                    new()
                    {
                        FirstOffset = first,
                        LastOffset = last,
                        AcknowledgeTypes = [type],
                    }
                );
            }
            if (isFirst || partition.AcknowledgementBatches.Count > 0)
            {
                asked.Partitions.Add(partition);
            }
        }
        return asked;
    }

    private void Note(int partition, long first, long last, sbyte type)
    {
        if (type == Accept)
        {
            ledger.Accepting(partition, first, last);
        }
    }

    private void Confirm(List<(int Partition, long First, long Last, sbyte Type)> sent, int partition)
    {
        foreach ((int of, long first, long last, sbyte type) in sent)
        {
            if (of == partition && type == Accept)
            {
                ledger.Confirmed(partition, first, last);
            }
        }
    }
}
