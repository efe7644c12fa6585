using System.Net.Sockets;
using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// One producer of numbered records with acks=all and several batches in flight, over many lives of a broker.
///
/// Idempotent: what was in flight when a connection broke is sent again with the same sequence numbers, so that every
/// number must be in the log once. Plain: what was in flight is given up, so that a number is in the log at most once,
/// and once when it was acknowledged. One thread at a time.
/// </summary>
internal sealed class PipelinedProducer(int index, string topic, int partition, bool isIdempotent, int seed)
{
    private const int SequenceCount = int.MaxValue;

    private readonly Random _random = new(seed);
    private readonly Queue<Batch> _unanswered = new();
    private (long Id, short Epoch) _identity = (-1, -1);
    private long _next;

    public int Index => index;
    public string Topic => topic;
    public int Partition => partition;
    public bool IsIdempotent => isIdempotent;
    public CompressionCodec Codec { get; init; } = CompressionCodec.None;

    /// <summary>Different keys of its records, which take turns; 0 for records without keys.</summary>
    public int Keys { get; init; }

    /// <summary>Bytes by which a value is longer than its number, at most.</summary>
    public int PaddingMax { get; init; } = 200;

    /// <summary>Batches that are sent before the first of them is answered, at most.</summary>
    public int InFlightMax { get; init; } = 5;

    /// <summary>Number of the record to the offset that the broker said it has.</summary>
    public Dictionary<long, long> Acknowledged { get; } = [];

    /// <summary>Numbers below this were sent at least once.</summary>
    public long Sent => _next;

    /// <summary>Errors in answers; a broker that stops may give those after which a client tries again.</summary>
    public List<ErrorCode> Errors { get; } = [];

    /// <summary>
    /// Produces until the connection breaks, an answer is an error, or <paramref name="goOn"/> says no and all is answered.
    /// </summary>
    public void Run(BrokerProcess broker, Func<bool> goOn, Action onAcknowledged)
    {
        try
        {
            using KafkaConnection connection = new(broker);
            Resume(connection);
            while (true)
            {
                bool more = goOn();
                while (more && _unanswered.Count < InFlightMax)
                {
                    Batch batch = new(_next, _random.Next(1, 20), _random.Next(PaddingMax));
                    _next += batch.Count;
                    _unanswered.Enqueue(batch);
                    Send(connection, batch);
                }
                if (_unanswered.Count == 0)
                {
                    return;
                }
                if (connection.Wire.ReceiveFrame() is not { } answer)
                {
                    return;
                }
                if (!Take(_unanswered.Peek(), KafkaConnection.ReadProduceAnswer(answer)))
                {
                    return;
                }
                _unanswered.Dequeue();
                onAcknowledged();
            }
        }
        catch (SocketException)
        {
            // The broker was killed.
        }
        catch (HarnessException)
        {
            // The broker closed the connection in the middle of an exchange.
        }
    }

    /// <summary>Sends what was in flight until all of it is answered.</summary>
    public void Finish(BrokerProcess broker) => Run(broker, () => false, () => { });

    private void Resume(KafkaConnection connection)
    {
        if (!isIdempotent)
        {
            _unanswered.Clear();
            return;
        }
        if (_identity.Id < 0)
        {
            _identity = connection.InitProducerId();
        }
        foreach (Batch batch in _unanswered)
        {
            Send(connection, batch);
        }
    }

    private void Send(KafkaConnection connection, Batch batch)
    {
        RecordBatchOptions options = isIdempotent
            ? new RecordBatchOptions
            {
                Codec = Codec,
                ProducerId = _identity.Id,
                ProducerEpoch = _identity.Epoch,
                BaseSequence = (int)(batch.First % SequenceCount),
            }
            : new RecordBatchOptions { Codec = Codec };
        byte[] records = Batches.Numbered(index, batch.First, batch.Count, batch.Padding, options, Keys);
        connection.Send(
            ApiKey.Produce,
            KafkaConnection.ProduceVersion,
            KafkaConnection.ProduceRequest(topic, partition, records)
        );
    }

    private bool Take(Batch batch, ProduceResponse.PartitionProduceResponse answer)
    {
        if (answer.ErrorCode != 0)
        {
            Errors.Add((ErrorCode)answer.ErrorCode);
            return false;
        }
        for (int i = 0; i < batch.Count; i++)
        {
            Acknowledged.Add(batch.First + i, answer.BaseOffset + i);
        }
        return true;
    }

    private readonly record struct Batch(long First, int Count, int Padding);
}
