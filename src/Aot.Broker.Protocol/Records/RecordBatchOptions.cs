using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Protocol.Records;

/// <summary>The header fields of a batch that is being built; the values here are those of a plain produce.</summary>
public sealed record RecordBatchOptions
{
    public static RecordBatchOptions Default { get; } = new();

    public long BaseOffset { get; init; }

    public int PartitionLeaderEpoch { get; init; } = RecordBatchHeader.NoPartitionLeaderEpoch;

    public long ProducerId { get; init; } = RecordBatchHeader.NoProducerId;

    public short ProducerEpoch { get; init; } = RecordBatchHeader.NoProducerEpoch;

    public int BaseSequence { get; init; } = RecordBatchHeader.NoSequence;

    public bool IsTransactional { get; init; }

    public bool IsControl { get; init; }

    /// <summary>When set, all records carry this time and the batch says LogAppendTime.</summary>
    public long? LogAppendTimeMs { get; init; }

    /// <summary>When set, the time from which tombstones and markers of the batch may be deleted.</summary>
    public long? DeleteHorizonMs { get; init; }

    public CompressionCodec Codec { get; init; } = CompressionCodec.None;

    /// <summary>The codec's own level; null = Kafka's default for the codec.</summary>
    public int? CompressionLevel { get; init; }
}

/// <summary>A header of a record to be written.</summary>
public readonly record struct RecordHeader(string Key, byte[]? Value);
