using System.Buffers.Binary;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Perf.Records;

namespace Aot.Perf.Client;

/// <summary>A produce request of one batch, written once; partition, numbers and times are stamped for every send.</summary>
internal sealed class ProduceFrame
{
    /// <summary>The newest that names topics, so that no id has to be asked for.</summary>
    private const short Version = 12;

    private const int CorrelationAt = 2 * sizeof(int);

    /// <summary>A value by which the place of the partition is found in the written request.</summary>
    private const int PartitionMarker = 0x5EED_0FF5;

    private readonly byte[] _bytes;
    private readonly int _partitionAt;
    private readonly int _batchAt;
    private readonly BatchTemplate _template;

    public ProduceFrame(string topic, short acks, BatchTemplate template, string? transactionalId = null)
    {
        _template = template;
        _bytes = Caller.Frame(
            ApiKey.Produce,
            Version,
            0,
            new ProduceRequest
            {
                TransactionalId = transactionalId,
                Acks = acks,
                TimeoutMs = 30_000,
                TopicData =
                [
                    new ProduceRequest.TopicProduceData
                    {
                        Name = topic,
                        PartitionData =
                        [
                            new ProduceRequest.PartitionProduceData
                            {
                                Index = PartitionMarker,
                                Records = template.Bytes,
                            },
                        ],
                    },
                ],
            }
        );
        Span<byte> marker = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(marker, PartitionMarker);
        _partitionAt = _bytes.AsSpan().IndexOf(marker);
        _batchAt = _bytes.AsSpan().IndexOf(template.Bytes);
    }

    /// <summary>When it was to be sent, in nanoseconds: what latency is counted from.</summary>
    public long Due { get; private set; }

    public ReadOnlyMemory<byte> Bytes => _bytes;

    public Span<byte> Batch => _bytes.AsSpan(_batchAt, _template.Bytes.Length);

    public void Stamp(int correlation, int partition, int producer, long firstNumber, long due)
    {
        Due = due;
        BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(_partitionAt), partition);
        BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(CorrelationAt), correlation);
        _template.Stamp(Batch, producer, firstNumber, due);
    }

    /// <summary>The answer to a request of one partition: its error, and the offset of its first record.</summary>
    public static (ErrorCode Error, long BaseOffset) ReadAnswer(ReadOnlySpan<byte> frame)
    {
        WireReader reader = new(frame[Caller.BodyAt(ApiKey.Produce, Version)..]);
        reader.ReadUVarint();
        reader.ReadStringBytes(compact: true);
        reader.ReadUVarint();
        reader.ReadInt32();
        ErrorCode error = (ErrorCode)reader.ReadInt16();
        long offset = reader.ReadInt64();
        return reader.IsValid ? (error, offset) : throw new LoadException("an answer to a produce is too short");
    }
}
