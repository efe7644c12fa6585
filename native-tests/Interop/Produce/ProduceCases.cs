using System.Buffers.Binary;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Interop.Tests.Produce;

/// <summary>One produce request to a topic.</summary>
internal sealed record ProduceCase(string Topic, string Name, byte[] Records, short Version = 12, short Acks = -1);

/// <summary>
/// The requests of the comparison, in the order in which they are sent: valid ones in all versions and codecs, and one
/// for each thing that may be wrong.
/// </summary>
internal sealed class ProduceCases(long now)
{
    private const string Plain = "plain";
    private const string Compacted = "compacted";
    private const string Both = "compact-and-delete";
    private const string AppendTime = "append-time";
    private const string Bounded = "bounded-times";
    private const string Small = "small-batches";
    private const string SmallSegments = "small-segments";
    private const string SmallUnfolded = "small-decompressed";
    private const string OddDeltas = "odd-deltas";
    private const string AppendTimeToLz4 = "append-time-to-lz4";
    private const string BelowZero = "append-time-below-zero";
    private const string CompactedAppendTime = "compacted-append-time";

    private static readonly CompressionCodec[] s_codecs = Enum.GetValues<CompressionCodec>();

    private readonly List<ProduceCase> _cases = [];

    public static (string Name, (string Name, string Value)[] Configs)[] Topics { get; } =
    [
        (Plain, []),
        (OddDeltas, []),
        (BelowZero, [("compression.type", "lz4"), ("message.timestamp.type", "LogAppendTime")]),
        (Compacted, [("cleanup.policy", "compact")]),
        (Both, [("cleanup.policy", "compact,delete")]),
        (AppendTime, [("message.timestamp.type", "LogAppendTime")]),
        (
            CompactedAppendTime,
            [("message.timestamp.type", "LogAppendTime"), ("cleanup.policy", "compact"), ("compression.type", "gzip")]
        ),
        (Bounded, [("message.timestamp.before.max.ms", "60000"), ("message.timestamp.after.max.ms", "120000")]),
        (Small, [("max.message.bytes", "2000")]),
        ("small-recompressed", [("max.message.bytes", "2000"), ("compression.type", "uncompressed")]),
        (SmallSegments, [("segment.bytes", "1048576"), ("max.message.bytes", "4000000")]),
        (SmallUnfolded, [("max.decompressed.message.bytes", "1000")]),
        ("to-uncompressed", [("compression.type", "uncompressed")]),
        ("to-gzip", [("compression.type", "gzip"), ("compression.gzip.level", "1")]),
        ("to-snappy", [("compression.type", "snappy")]),
        ("to-lz4", [("compression.type", "lz4"), ("compression.lz4.level", "3")]),
        ("to-zstd", [("compression.type", "zstd"), ("compression.zstd.level", "-3")]),
        (AppendTimeToLz4, [("compression.type", "lz4"), ("message.timestamp.type", "LogAppendTime")]),
    ];

    /// <summary>
    /// Those whose content is compared. Not where deltas are not dense: Apache Kafka stores them so without a codec, and
    /// consumers then see offsets that the batch does not have; here they are made dense. Nor where times are below zero
    /// and the batch is written anew, which Apache Kafka does not survive.
    /// </summary>
    public static IEnumerable<string> ComparedTopics =>
        Topics.Select(topic => topic.Name).Except([OddDeltas, BelowZero]);

    /// <summary>Topics whose batches are stored as they came.</summary>
    public static bool StoresProducersBytes(string topic) =>
        Topics.Single(each => each.Name == topic).Configs.All(config => config.Name != "compression.type");

    public List<ProduceCase> All()
    {
        Valid();
        Shapes();
        Headers();
        Records();
        Times();
        Sizes();
        Keys();
        Producers();
        return _cases;
    }

    private void Valid()
    {
        foreach (CompressionCodec codec in s_codecs)
        {
            for (short version = 3; version <= 13; version++)
            {
                Add(Plain, $"{codec}, version {version}", Batch(3, codec), version, (short)(version % 2 == 0 ? 1 : -1));
            }
            foreach ((string topic, _) in Topics)
            {
                Add(topic, $"{codec}", Batch(5, codec));
            }
        }
        Add(Plain, "a thousand records", Batch(1_000, CompressionCodec.Lz4));
        Add("to-gzip", "many records under another codec", Batch(5_000, CompressionCodec.Zstd));
        Add("to-zstd", "many records under another codec", Batch(5_000, CompressionCodec.None));
        Add(Plain, "acks that do not exist", Batch(1), 12, 2);
        Add(Plain, "headers, null values and empty keys", WithHeaders());
    }

    /// <summary>No records at all (null) are not among them: Apache Kafka 4.4 gives no answer to those.</summary>
    private void Shapes()
    {
        byte[] one = Batch(2);
        foreach (short version in new short[] { 3, 7, 8, 9, 13 })
        {
            Add(Plain, $"nothing, version {version}", [], version);
            Add(Plain, $"two batches, version {version}", [.. one, .. one], version);
            Add(Plain, $"magic 1, version {version}", With(one, b => b[16] = 1), version);
            Add(Plain, $"zstd, version {version}", Batch(2, CompressionCodec.Zstd), version);
        }
        Add(Plain, "a few bytes", [1, 2, 3]);
        Add(Plain, "a batch without its last byte", one[..^1]);
        Add(Plain, "a batch and a torn one", [.. one, .. one[..40]]);
        Add(Plain, "a batch and a few bytes", [.. one, 1, 2, 3]);
        Add(Plain, "a header only", one[..RecordBatchHeader.SizeInBytes]);
        Add(Plain, "magic 0", With(one, b => b[16] = 0));
        Add(Plain, "magic 3", With(one, b => b[16] = 3));
        Add(Plain, "length 0", With(one, b => Int32(b, 8, 0)));
        Add(Plain, "length 20", With(one, b => Int32(b, 8, 20)));
        Add(Plain, "length below zero", With(one, b => Int32(b, 8, -5)));
        Add(Plain, "length beyond the bytes", With(one, b => Int32(b, 8, b.Length)));
        Add(Plain, "length of the header", With(one, b => Int32(b, 8, RecordBatchHeader.BatchLengthMin)));
    }

    private void Headers()
    {
        byte[] one = Batch(2);
        Add(Plain, "a wrong checksum", With(one, b => b[17] ^= 1));
        Add(Plain, "a changed byte", With(one, b => b[^1] ^= 1));
        Add(Plain, "base offset 5", Sealed(one, b => BinaryPrimitives.WriteInt64BigEndian(b, 5)));
        Add(Plain, "base offset below zero", Sealed(one, b => BinaryPrimitives.WriteInt64BigEndian(b, -1)));
        Add(Plain, "a leader epoch", Sealed(one, b => Int32(b, 12, 77)));
        for (int codec = 5; codec < 8; codec++)
        {
            Add(Plain, $"codec {codec}", Sealed(one, b => b[22] = (byte)codec));
        }
        Add(Plain, "a control batch", Sealed(one, b => b[22] |= 0x20));
        Add(Plain, "a delete horizon", Sealed(one, b => b[22] |= 0x40));
        Add(Plain, "an attribute that has no meaning", Sealed(one, b => b[21] |= 0x10));
        Add(Plain, "transactional without a producer", Sealed(one, b => b[22] |= 0x10));
        Add(Plain, "last offset delta too large", Sealed(one, b => Int32(b, 23, 9)));
        Add(Plain, "last offset delta too small", Sealed(one, b => Int32(b, 23, 0)));
        Add(Plain, "last offset delta below zero", Sealed(one, b => Int32(b, 23, -1)));
        Add(Plain, "count 0", Sealed(one, b => Int32(b, 57, 0)));
        Add(Plain, "count 0 and delta -1", Sealed(one, b => (Int32(b, 57, 0), Int32(b, 23, -1))));
        Add(Plain, "count below zero", Sealed(one, b => Int32(b, 57, -1)));
        Add(Plain, "more records counted than there are", Sealed(one, b => (Int32(b, 57, 3), Int32(b, 23, 2))));
        Add(Plain, "fewer records counted than there are", Sealed(one, b => (Int32(b, 57, 1), Int32(b, 23, 0))));
        Add(Plain, "a wrong largest timestamp", Sealed(one, b => Int64(b, 35, 12345)));
        Add(Plain, "no largest timestamp", Sealed(one, b => Int64(b, 35, -1)));
        Add("to-gzip", "a wrong largest timestamp", Sealed(one, b => Int64(b, 35, 12345)));
    }

    private void Records()
    {
        foreach (CompressionCodec codec in s_codecs)
        {
            Add(OddDeltas, $"deltas 0, 2, 4 under {codec}", Deltas(codec, 0, 2, 4));
            Add(OddDeltas, $"deltas 1, 2, 3 under {codec}", Deltas(codec, 1, 2, 3));
            if (codec != CompressionCodec.None)
            {
                byte[] compressed = Batch(20, codec);
                Add(Plain, $"damaged {codec}", Sealed(compressed, b => b.AsSpan(70, 8).Fill(0x5A)));
                Add(Plain, $"{codec} cut short", Cut(compressed, 20));
                Add(
                    Plain,
                    $"{codec} without a byte",
                    Cut(compressed, compressed.Length - RecordBatchHeader.SizeInBytes)
                );
                Add(
                    Plain,
                    $"fewer records counted under {codec}",
                    Sealed(compressed, b => (Int32(b, 57, 9), Int32(b, 23, 8)))
                );
                Add(
                    Plain,
                    $"more records counted under {codec}",
                    Sealed(compressed, b => (Int32(b, 57, 30), Int32(b, 23, 29)))
                );
                Add(Plain, $"not {codec} at all", Sealed(Batch(3), b => b[22] |= (byte)codec));
            }
        }
        byte[] one = Batch(1);
        const int First = RecordBatchHeader.SizeInBytes;
        Add(Plain, "a record longer than the batch", Sealed(one, b => b[First] = 0x7E));
        Add(Plain, "a record of length 0", Sealed(one, b => b[First] = 0));
        Add(Plain, "a record of length -1", Sealed(one, b => b[First] = 1));
        Add(Plain, "a record's attributes", Sealed(one, b => b[First + 1] = 0x55));
        Add(Plain, "a key longer than the record", Sealed(one, b => b[First + 4] = 0x7E));
        Add(Plain, "a value longer than the record", Sealed(one, b => b[^7] = 0x7E));
        Add(Plain, "a header that is not there", Sealed(one, b => b[^1] = 2));
        Add(Plain, "a count of headers below zero", Sealed(one, b => b[^1] = 1));
        Add(Plain, "bytes after the last record", Longer(one));
        Add(Plain, "a length that does not end", Sealed(one, b => b.AsSpan(First).Fill(0xFF)));
    }

    private void Times()
    {
        foreach (string topic in new[] { Plain, Bounded, AppendTime, AppendTimeToLz4 })
        {
            Add(topic, "no timestamp", At(-1, -1));
            Add(Below(topic), "timestamps below zero", At(-5, -2));
            Add(topic, "one without a timestamp among others", At(now, -1, now));
            Add(topic, "a minute and a half old", At(now - 90_000));
            Add(topic, "in a minute and a half", At(now + 90_000, now));
            Add(topic, "in three minutes", At(now, now + 180_000, now, now + 200_000));
            Add(topic, "in two hours", At(now + 7_200_000));
            Add(topic, "in the year 292 million", At(long.MaxValue));
            Add(Below(topic), "the oldest there is", At(long.MinValue));
            Add(topic, "long ago", At(1));
            Add(topic, "descending", At(now, now - 10, now - 20));
            Add(topic, "the producer's LogAppendTime", Sealed(At(now, now), b => b[22] |= 8));
            Add(
                topic,
                "the producer's LogAppendTime under lz4",
                Sealed(Batch(3, CompressionCodec.Lz4), b => b[22] |= 8)
            );
        }
        foreach (CompressionCodec codec in s_codecs)
        {
            Add(Bounded, $"one of many too old under {codec}", Build(codec, 9, i => i == 6 ? now - 90_000 : now));
        }
    }

    /// <summary>A batch that has to be written anew cannot have such times in Apache Kafka.</summary>
    private static string Below(string topic) => topic == AppendTimeToLz4 ? BelowZero : topic;

    private void Sizes()
    {
        foreach (string topic in new[] { Small, "small-recompressed", Plain, SmallUnfolded })
        {
            Add(topic, "3,000 bytes", Value(3_000));
            Add(topic, "1,900 bytes", Value(1_900));
            Add(topic, "20,000 bytes under zstd", Value(20_000, CompressionCodec.Zstd));
            Add(topic, "900 bytes under gzip", Value(900, CompressionCodec.Gzip));
            Add(topic, "1,100 bytes under lz4", Value(1_100, CompressionCodec.Lz4));
            Add(topic, "1,100 bytes under snappy", Value(1_100, CompressionCodec.Snappy));
        }
        Add(Plain, "1,100,000 bytes", Value(1_100_000));
        Add(SmallSegments, "1,500,000 bytes", Value(1_500_000));
        Add(SmallSegments, "1,000,000 bytes", Value(1_000_000));
        Add(SmallSegments, "5,000,000 bytes", Value(5_000_000));
        Add(Small, "too large and damaged", With(Value(3_000), b => b[^1] ^= 1));
    }

    private void Keys()
    {
        foreach (string topic in new[] { Compacted, Both, CompactedAppendTime, Plain })
        {
            foreach (CompressionCodec codec in s_codecs)
            {
                Add(topic, $"one without a key under {codec}", Keyless(codec, 3, 1));
            }
            Add(topic, "several without a key", Keyless(CompressionCodec.None, 9, 0, 2, 3, 5, 8));
            Add(topic, "without a key, before record errors", Keyless(CompressionCodec.None, 3, 1), 7);
            Add(topic, "without a key, by topic id", Keyless(CompressionCodec.None, 3, 1), 13);
            Add(topic, "a tombstone", Tombstone());
        }
        Add(Compacted, "without a key and too new", KeylessAt(now + 7_200_000));
    }

    private void Producers()
    {
        const long Id = 1_000_000;
        AddSequence("a first batch", Id, 0, 0, 3);
        AddSequence("the next", Id, 0, 3, 2);
        AddSequence("the same again", Id, 0, 3, 2);
        AddSequence("the first again", Id, 0, 0, 3);
        AddSequence("another length", Id, 0, 3, 1);
        AddSequence("a gap", Id, 0, 9, 1);
        AddSequence("the next epoch, not from 0", Id, 1, 5, 1);
        AddSequence("the next epoch", Id, 1, 0, 1);
        AddSequence("an older epoch", Id, 0, 5, 1);
        AddSequence("no sequence", Id, 1, -1, 1);
        AddSequence("a sequence below -1", Id, 1, -7, 1);
        AddSequence("an epoch below zero", Id + 1, -1, 0, 1);
        AddSequence("a producer that begins in the middle", Id + 2, 0, 50, 1);
        AddSequence("its next", Id + 2, 0, 51, 1);
        AddSequence("the last sequence", Id + 3, 0, int.MaxValue - 1, 2);
        AddSequence("the sequence after the last", Id + 3, 0, 0, 2);
        AddSequence("over the end of sequences", Id + 4, 0, int.MaxValue, 3);
        AddSequence("after the end of sequences", Id + 4, 0, 2, 1);
    }

    private void Add(string topic, string name, byte[] records, short version = 12, short acks = -1) =>
        _cases.Add(new ProduceCase(topic, name, records, version, acks));

    private void AddSequence(string name, long id, short epoch, int sequence, int records)
    {
        byte[] batch = Batch(records);
        Int64(batch, RecordBatchHeader.ProducerIdAt, id);
        BinaryPrimitives.WriteInt16BigEndian(batch.AsSpan(RecordBatchHeader.ProducerEpochAt), epoch);
        Int32(batch, RecordBatchHeader.BaseSequenceAt, sequence);
        RecordBatchPatch.Seal(batch);
        Add(Plain, name, batch);
    }

    private byte[] Batch(int records, CompressionCodec codec = CompressionCodec.None) =>
        Build(codec, records, _ => now);

    private byte[] At(params long[] timestamps) => Build(CompressionCodec.None, timestamps.Length, i => timestamps[i]);

    private static byte[] Build(CompressionCodec codec, int records, Func<int, long> timeOf)
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { Codec = codec });
        for (int i = 0; i < records; i++)
        {
            builder.Append(timeOf(i), "key"u8, "value"u8);
        }
        return builder.ToArray();
    }

    private byte[] Value(int bytes, CompressionCodec codec = CompressionCodec.None)
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { Codec = codec });
        builder.Append(now, "key"u8, new byte[bytes - 100]);
        return builder.ToArray();
    }

    private byte[] Keyless(CompressionCodec codec, int records, params int[] without)
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { Codec = codec });
        for (int i = 0; i < records; i++)
        {
            builder.Append(now, without.Contains(i) ? NullableBytes.Null : "key"u8, "value"u8);
        }
        return builder.ToArray();
    }

    private byte[] KeylessAt(long timestamp)
    {
        RecordBatchBuilder builder = new();
        builder.Append(now, "key"u8, "value"u8);
        builder.Append(timestamp, NullableBytes.Null, "value"u8);
        builder.Append(timestamp, "key"u8, "value"u8);
        return builder.ToArray();
    }

    private byte[] Tombstone()
    {
        RecordBatchBuilder builder = new();
        builder.Append(now, "key"u8, NullableBytes.Null);
        return builder.ToArray();
    }

    private byte[] WithHeaders()
    {
        RecordBatchBuilder builder = new();
        builder.Append(now, NullableBytes.Null, NullableBytes.Null, [new("a", [1, 2]), new("", null), new("a", [])]);
        builder.Append(now, ReadOnlySpan<byte>.Empty, ReadOnlySpan<byte>.Empty, [new("b", null)]);
        return builder.ToArray();
    }

    /// <summary>The header says that the offsets are dense, whatever the records say.</summary>
    private byte[] Deltas(CompressionCodec codec, params int[] deltas)
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { Codec = codec });
        foreach (int delta in deltas)
        {
            builder.AppendAt(delta, now, "key"u8, "value"u8);
        }
        return Sealed(builder.ToArray(), b => Int32(b, RecordBatchHeader.LastOffsetDeltaAt, deltas.Length - 1));
    }

    private static byte[] Cut(byte[] batch, int recordBytes) =>
        Resized(batch, RecordBatchHeader.SizeInBytes + recordBytes - 1);

    private static byte[] Longer(byte[] batch) => Resized(batch, batch.Length + 4);

    private static byte[] Resized(byte[] batch, int bytes)
    {
        byte[] resized = new byte[bytes];
        batch.AsSpan(0, Math.Min(bytes, batch.Length)).CopyTo(resized);
        return Sealed(resized, b => Int32(b, RecordBatchHeader.BatchLengthAt, bytes - RecordBatchHeader.LogOverhead));
    }

    private static byte[] With(byte[] batch, Action<byte[]> change)
    {
        byte[] changed = [.. batch];
        change(changed);
        return changed;
    }

    private static byte[] Sealed(byte[] batch, Action<byte[]> change)
    {
        byte[] changed = With(batch, change);
        RecordBatchPatch.Seal(changed);
        return changed;
    }

    private static byte[] Sealed<T>(byte[] batch, Func<byte[], T> change) =>
        Sealed(
            batch,
            b =>
            {
                _ = change(b);
            }
        );

    private static int Int32(byte[] batch, int at, int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(at), value);
        return value;
    }

    private static long Int64(byte[] batch, int at, long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(batch.AsSpan(at), value);
        return value;
    }
}
