using System.Buffers.Binary;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Perf.Client;

/// <summary>Takes what an answer to a fetch has for one partition.</summary>
internal interface IFetchTarget
{
    /// <summary>An error of the partition, or its records, which may be none.</summary>
    void OnPartition(int partition, ErrorCode error, long highWatermark, ReadOnlySpan<byte> records);
}

/// <summary>A fetch of some partitions of one topic, written once; only the offsets and the correlation id change.</summary>
internal sealed class FetchFrame
{
    /// <summary>The newest that names topics.</summary>
    private const short Version = 12;

    private const int CorrelationAt = 2 * sizeof(int);

    /// <summary>A value by which the place of each offset is found in the written request.</summary>
    private const long Marker = 0x5EED_0FF5_E700_0000;

    private readonly byte[] _bytes;
    private readonly int[] _offsetsAt;

    public FetchFrame(string topic, ReadOnlySpan<int> partitions, FetchLimits limits)
    {
        FetchRequest.FetchTopic wanted = new() { Topic = topic };
        for (int i = 0; i < partitions.Length; i++)
        {
            wanted.Partitions.Add(
                new FetchRequest.FetchPartition
                {
                    Partition = partitions[i],
                    CurrentLeaderEpoch = -1,
                    FetchOffset = Marker + i,
                    LastFetchedEpoch = -1,
                    LogStartOffset = -1,
                    PartitionMaxBytes = limits.BytesMax,
                }
            );
        }
        FetchRequest request = new()
        {
            MaxWaitMs = limits.WaitMs,
            MinBytes = limits.BytesMin,
            MaxBytes = limits.BytesMax,
            IsolationLevel = (sbyte)(limits.IsReadCommitted ? 1 : 0),
            SessionEpoch = -1,
            Topics = [wanted],
        };
        _bytes = Caller.Frame(ApiKey.Fetch, Version, 0, request);
        _offsetsAt = new int[partitions.Length];
        Span<byte> marker = stackalloc byte[sizeof(long)];
        for (int i = 0; i < partitions.Length; i++)
        {
            BinaryPrimitives.WriteInt64BigEndian(marker, Marker + i);
            _offsetsAt[i] = _bytes.AsSpan().IndexOf(marker);
        }
    }

    public ReadOnlyMemory<byte> Bytes => _bytes;

    public void SetCorrelation(int correlation) =>
        BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(CorrelationAt), correlation);

    /// <summary>Where the i-th of its partitions is to be read from.</summary>
    public void SetOffset(int i, long offset) =>
        BinaryPrimitives.WriteInt64BigEndian(_bytes.AsSpan(_offsetsAt[i]), offset);

    public static void ReadAnswer(ReadOnlySpan<byte> frame, IFetchTarget target)
    {
        WireReader reader = new(frame[Caller.BodyAt(ApiKey.Fetch, Version)..]);
        reader.ReadInt32();
        ErrorCode whole = (ErrorCode)reader.ReadInt16();
        reader.ReadInt32();
        if (whole != ErrorCode.None)
        {
            throw new LoadException($"a fetch was answered with {whole}");
        }
        for (uint topics = reader.ReadUVarint(); topics > 1 && reader.IsValid; topics--)
        {
            reader.ReadStringBytes(compact: true);
            for (uint partitions = reader.ReadUVarint(); partitions > 1 && reader.IsValid; partitions--)
            {
                ReadPartition(ref reader, target);
            }
            SkipTags(ref reader);
        }
        if (!reader.IsValid)
        {
            throw new LoadException("an answer to a fetch is too short");
        }
    }

    private static void ReadPartition(ref WireReader reader, IFetchTarget target)
    {
        const int AbortedTransactionBytes = (2 * sizeof(long)) + 1;
        int partition = reader.ReadInt32();
        ErrorCode error = (ErrorCode)reader.ReadInt16();
        long highWatermark = reader.ReadInt64();
        reader.Skip(2 * sizeof(long));
        uint aborted = reader.ReadUVarint();
        reader.Skip(aborted > 1 ? (int)(aborted - 1) * AbortedTransactionBytes : 0);
        reader.ReadInt32();
        ReadOnlySpan<byte> records = reader.ReadNullableBytesSpan(compact: true, out _);
        SkipTags(ref reader);
        if (reader.IsValid)
        {
            target.OnPartition(partition, error, highWatermark, records);
        }
    }

    private static void SkipTags(ref WireReader reader)
    {
        for (uint tags = reader.ReadUVarint(); tags > 0 && reader.IsValid; tags--)
        {
            reader.ReadUVarint();
            reader.Skip((int)reader.ReadUVarint());
        }
    }
}

/// <summary>How much a fetch takes at once and how long it waits for how little.</summary>
internal sealed record FetchLimits(int BytesMax, int BytesMin = 1, int WaitMs = 500, bool IsReadCommitted = false);
