using System.Text;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Reads all partitions from their beginning with long polls, with a fetch session or without; what it has read once it
/// does not read again, and over a restart of the broker it goes on where it was.
/// </summary>
internal sealed class Consumer
{
    private readonly TopicUnderTest _topic;
    private readonly World _world;
    private readonly short _version;
    private readonly bool _usesSession;
    private readonly int _maxWaitMillis;
    private readonly int _maxBytes;
    private readonly int _partitionMaxBytes;
    private readonly long[] _first;
    private readonly long[] _next;
    private readonly long[] _highWatermark;
    private readonly long[] _sentNext;
    private int _sessionId;
    private int _sessionEpoch;
    private bool _hasFailed;
    private int _asksForStart = -1;

    public Consumer(TopicUnderTest topic)
    {
        _topic = topic;
        _world = topic.World;
        SeededRandom random = _world.Random;
        _first = new long[topic.Partitions];
        _next = new long[topic.Partitions];
        _highWatermark = new long[topic.Partitions];
        _sentNext = new long[topic.Partitions];
        _version = (short)random.Between(4, 18);
        _usesSession = _version >= 7 && random.OneIn(2);
        _maxWaitMillis = random.Pick<int>([1, 100, 2_000]);
        _maxBytes = random.Pick<int>([200, 3_000, 1_000_000]);
        _partitionMaxBytes = random.Pick<int>([100, 1_500, 1_000_000]);
    }

    /// <summary>Not null: every record goes here, by partition.</summary>
    public List<(long Offset, string Value)>[]? Records { get; init; }

    /// <summary>The offset of a partition at which its log began when it was first read.</summary>
    public long FirstOf(int partition) => _first[partition];

    /// <summary>The offset after the last record that was read.</summary>
    public long EndOf(int partition) => _next[partition];

    /// <summary>There is nothing more to read on any partition, as far as the broker said.</summary>
    public bool IsAtEnd { get; private set; }

    public override string ToString() =>
        $"a consumer (v{_version}, session {_sessionId}, wait {_maxWaitMillis}, bytes {_maxBytes}/{_partitionMaxBytes}) "
        + $"at {string.Join(' ', _next)} of {string.Join(' ', _highWatermark)}";

    public async Task RunAsync(bool untilEnd = false)
    {
        while (!_topic.IsOver && !(untilEnd && IsAtEnd))
        {
            WireClient? client = await WireClient.ConnectAsync(_world, () => _topic.IsOver);
            if (client is null)
            {
                return;
            }
            _sessionId = 0;
            _sessionEpoch = 0;
            try
            {
                await _topic.CheckAsync(client);
                while (!_topic.IsOver && !(untilEnd && IsAtEnd))
                {
                    await FetchAsync(client);
                    if (_world.Random.OneIn(8))
                    {
                        await _world.DelayAsync(_world.Random.Between(1_000L, 50_000_000));
                    }
                }
            }
            catch (ConnectionLost)
            {
                continue;
            }
            client.Close();
        }
    }

    private async Task FetchAsync(WireClient client)
    {
        bool isIncremental = _usesSession && _sessionId != 0;
        List<FetchRequest.FetchPartition> partitions = [];
        for (int i = 0; i < _topic.Partitions; i++)
        {
            if (!isIncremental || _sentNext[i] != _next[i])
            {
                _sentNext[i] = _next[i];
                partitions.Add(
                    new FetchRequest.FetchPartition
                    {
                        Partition = i,
                        FetchOffset = _next[i],
                        PartitionMaxBytes = _partitionMaxBytes,
                    }
                );
            }
        }
        FetchRequest request = new()
        {
            MaxWaitMs = _maxWaitMillis,
            MinBytes = 1,
            MaxBytes = _maxBytes,
            SessionId = _sessionId,
            SessionEpoch = _usesSession ? _sessionEpoch : -1,
            Topics =
                partitions.Count == 0
                    ? []
                    :
                    [
                        new()
                        {
                            Topic = _topic.Name,
                            TopicId = _topic.Id,
                            Partitions = partitions,
                        },
                    ],
        };
        FetchResponse response = await client.CallAsync<FetchResponse>(
            ApiKey.Fetch,
            _version,
            request,
            FetchResponse.TryRead
        );
        if ((ErrorCode)response.ErrorCode is ErrorCode.FetchSessionIdNotFound or ErrorCode.InvalidFetchSessionEpoch)
        {
            _world.Check(isIncremental, $"a full fetch got {(ErrorCode)response.ErrorCode}");
            _sessionId = 0;
            _sessionEpoch = 0;
            return;
        }
        _world.Check(response.ErrorCode == 0, $"fetch v{_version}: {(ErrorCode)response.ErrorCode}");
        if (_usesSession)
        {
            _sessionId = response.SessionId;
            _sessionEpoch = response.SessionId == 0 ? 0 : _sessionEpoch + 1;
        }
        bool hasRecords = false;
        _hasFailed = false;
        _asksForStart = -1;
        foreach (FetchResponse.PartitionData data in response.Responses.SelectMany(t => t.Partitions))
        {
            hasRecords |= Take(data);
        }
        _world.Note(
            "fetched",
            _maxWaitMillis,
            response.Responses.Sum(t => t.Partitions.Sum(p => p.Records?.Length ?? 0))
        );
        if (_asksForStart >= 0)
        {
            await FindStartAsync(client, _asksForStart);
        }
        IsAtEnd =
            !hasRecords && !_hasFailed && Enumerable.Range(0, _next.Length).All(i => _next[i] >= _highWatermark[i]);
        if (_hasFailed)
        {
            await _world.DelayAsync(TopicUnderTest.RetryNanos);
        }
    }

    /// <summary>Records were deleted: it goes on where the log begins now.</summary>
    private async Task FindStartAsync(WireClient client, int partition)
    {
        const long earliest = -2;
        ListOffsetsResponse response = await client.CallAsync<ListOffsetsResponse>(
            ApiKey.ListOffsets,
            7,
            new ListOffsetsRequest
            {
                ReplicaId = -1,
                Topics =
                [
                    new()
                    {
                        Name = _topic.Name,
                        Partitions = [new() { PartitionIndex = partition, Timestamp = earliest }],
                    },
                ],
            },
            ListOffsetsResponse.TryRead
        );
        ListOffsetsResponse.ListOffsetsPartitionResponse found = response.Topics[0].Partitions[0];
        ErrorCode error = (ErrorCode)found.ErrorCode;
        if (error != ErrorCode.None)
        {
            _hasFailed = true;
            _world.Check(_topic.MayAnswer(error), $"start of {_topic.Name}-{partition}: {error}");
            return;
        }
        _world.Check(
            _topic.Ledger.MayBegin(partition, found.Offset),
            $"{_topic.Name}-{partition} begins at {found.Offset}, below which nobody deleted"
        );
        _world.Check(
            found.Offset > _next[partition],
            $"{_topic.Name}-{partition} begins at {found.Offset}, and {_next[partition]} is out of range"
        );
        _first[partition] = _next[partition] = found.Offset;
        Records?[partition].Clear();
    }

    private bool Take(FetchResponse.PartitionData data)
    {
        int partition = data.PartitionIndex;
        ErrorCode error = (ErrorCode)data.ErrorCode;
        if (error != ErrorCode.None && _topic.MayAnswer(error))
        {
            _hasFailed = true;
            return false;
        }
        if (error == ErrorCode.OffsetOutOfRange && _topic.Ledger.MayBegin(partition, _next[partition] + 1))
        {
            _asksForStart = partition;
            return true;
        }
        _world.Check(error == ErrorCode.None, $"fetch v{_version} of {partition} at {_next[partition]}: {error}");
        _highWatermark[partition] = data.HighWatermark;
        ReadOnlySpan<byte> bytes = data.Records ?? [];
        long first = _next[partition];
        while (RecordBatchView.TryRead(bytes, out RecordBatchView batch) && batch.IsWhole)
        {
            RecordBatchFault fault = batch.Validate();
            _world.Check(fault == RecordBatchFault.None, $"a batch at {batch.BaseOffset} of {partition}: {fault}");
            TakeBatch(partition, batch);
            bytes = bytes[batch.TotalSize..];
        }
        _world.Check(
            _next[partition] == first || _next[partition] <= data.HighWatermark,
            $"records of {partition} up to {_next[partition]}, and the high watermark is {data.HighWatermark}"
        );
        return _next[partition] > first;
    }

    private void TakeBatch(int partition, RecordBatchView batch)
    {
        byte[] records = batch.RecordsBytes.ToArray();
        if (batch.IsCompressed)
        {
            records = Unzip(records);
        }
        foreach (RecordView record in new RecordEnumerator(records, batch.RecordsCount))
        {
            long offset = batch.BaseOffset + record.OffsetDelta;
            if (offset < _next[partition])
            {
                continue;
            }
            _world.Check(offset == _next[partition], $"offset {offset} of {partition} where {_next[partition]} is due");
            string value = Encoding.ASCII.GetString(record.Value.Span);
            _topic.Ledger.Saw(partition, offset, value);
            Records?[partition].Add((offset, value));
            _next[partition] = offset + 1;
        }
    }

    private static byte[] Unzip(byte[] records)
    {
        using System.IO.Compression.GZipStream gzip = new(
            new MemoryStream(records),
            System.IO.Compression.CompressionMode.Decompress
        );
        using MemoryStream plain = new();
        gzip.CopyTo(plain);
        return plain.ToArray();
    }
}
