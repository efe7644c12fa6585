using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Records;

namespace Aot.Perf.Records;

/// <summary>
/// A batch that is built once and numbered for every send: only the heads of its values, its keys, its sequence and its
/// checksum change, so that the client costs little beside the broker that it measures.
/// </summary>
internal sealed class BatchTemplate
{
    private const int KeyBytes = sizeof(long);

    private readonly RecordShape _shape;
    private readonly KeyChoice? _keys;
    private readonly int[] _valuesAt;
    private readonly int[] _keysAt;
    private readonly uint[] _payloadCrcs;

    public BatchTemplate(RecordShape shape, bool isTransactional = false)
    {
        _shape = shape;
        _keys = shape.Keys > 0 ? new KeyChoice(shape.Keys, shape.KeySkew) : null;
        _valuesAt = new int[shape.PerBatch];
        _keysAt = new int[shape.PerBatch];
        _payloadCrcs = new uint[shape.PerBatch];
        RecordBatchBuilder builder = new(
            new RecordBatchOptions { Codec = shape.Codec, IsTransactional = isTransactional }
        );
        Random random = new(4);
        byte[] value = new byte[shape.ValueBytes];
        byte[] key = new byte[KeyBytes];
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        for (int i = 0; i < shape.PerBatch; i++)
        {
            Fill(random, value.AsSpan(CheckedValue.HeaderBytes), shape.IsNumbered);
            _payloadCrcs[i] = Crc32C.Compute(value.AsSpan(CheckedValue.HeaderBytes));
            CheckedValue.Write(value, i, 0, _payloadCrcs[i]);
            builder.Append(now, _keys is null ? NullableBytes.Null : key, value);
        }
        Bytes = builder.ToArray();
        if (shape.IsNumbered)
        {
            Locate();
        }
    }

    /// <summary>The batch as built, with the numbers from 0 on.</summary>
    public byte[] Bytes { get; }

    /// <summary>Numbers the records of a copy of the batch from a number on, all due at one time.</summary>
    public void Stamp(Span<byte> batch, int producer, long firstNumber, long due)
    {
        if (_shape.IsNumbered)
        {
            for (int i = 0; i < _valuesAt.Length; i++)
            {
                long sequence = CheckedValue.Sequence(producer, firstNumber + i);
                CheckedValue.Write(batch[_valuesAt[i]..], sequence, due, _payloadCrcs[i]);
                if (_keys is not null)
                {
                    BinaryPrimitives.WriteInt64BigEndian(batch[_keysAt[i]..], _keys.Next());
                }
            }
        }
        RecordBatchPatch.Seal(batch);
    }

    /// <summary>Who sends it, for an idempotent producer; before <see cref="Stamp"/>, which makes the checksum.</summary>
    public static void SetProducer(Span<byte> batch, long producerId, short epoch, int sequence)
    {
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.ProducerIdAt..], producerId);
        BinaryPrimitives.WriteInt16BigEndian(batch[RecordBatchHeader.ProducerEpochAt..], epoch);
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.BaseSequenceAt..], sequence);
    }

    /// <summary>Noise where nothing compresses it; else text of a few words, which shrinks as JSON does.</summary>
    private static void Fill(Random random, Span<byte> payload, bool isNoise)
    {
        if (isNoise)
        {
            random.NextBytes(payload);
            return;
        }
        ReadOnlySpan<string> words = ["order", "customer", "amount", "currency", "created", "status", "item", "price"];
        int at = 0;
        while (at < payload.Length)
        {
            string word = $"\"{words[random.Next(words.Length)]}\":{random.Next(10_000)},";
            foreach (char letter in word)
            {
                if (at < payload.Length)
                {
                    payload[at++] = (byte)letter;
                }
            }
        }
    }

    private void Locate()
    {
        ReadOnlySpan<byte> bytes = Bytes;
        int i = 0;
        RecordEnumerator records = new RecordBatchView(bytes).Records();
        while (records.MoveNext())
        {
            bool isInside = bytes.Overlaps(records.Current.Value.Span, out _valuesAt[i]);
            Invariant.That(isInside);
            if (_keys is not null)
            {
                bytes.Overlaps(records.Current.Key.Span, out _keysAt[i]);
            }
            i++;
        }
        Invariant.That(i == _valuesAt.Length);
    }
}
