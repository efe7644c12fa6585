using Aot.Broker.Protocol;
using Aot.Perf.Client;
using Aot.Perf.Measure;
using Aot.Perf.Records;

namespace Aot.Perf.Loads;

/// <summary>One producing connection: batches to its partitions in turn, so many of them under way.</summary>
internal sealed class ProduceLane : IFrameTarget
{
    private readonly LoadPlan _plan;
    private readonly Meter _meter;
    private readonly Connection _connection;
    private readonly int _number;
    private readonly ProduceFrame[] _frames;
    private readonly long[] _nextNumber;
    private readonly ProducerIdentity? _identity;
    private int _sent;
    private int _answered;
    private int _partition;

    public ProduceLane(EventLoop loop, LoadPlan plan, Meter meter, BatchTemplate template, int number)
    {
        _plan = plan;
        _meter = meter;
        _number = number;
        _partition = number % plan.Partitions;
        _nextNumber = new long[plan.Partitions];
        bool isTransactional = plan.TransactionBatches > 0;
        string? transactionalId = isTransactional ? $"{plan.Topic}-{number}" : null;
        _identity =
            isTransactional || plan.IsIdempotent
                ? new ProducerIdentity(plan.Broker, transactionalId, plan.Partitions)
                : null;
        _frames = new ProduceFrame[plan.InFlight];
        for (int i = 0; i < _frames.Length; i++)
        {
            _frames[i] = new ProduceFrame(plan.Topic, plan.Acks, template, transactionalId);
        }
        _connection = Connection.Open(loop, plan.Broker, this, number);
    }

    public int InFlight => _sent - _answered;

    /// <summary>Transactions that were committed.</summary>
    public long Transactions { get; private set; }

    /// <summary>Sends the next batch; false when as many as may be are under way.</summary>
    /// <param name="due">When it was to be sent.</param>
    public bool TrySend(long due)
    {
        if (InFlight == _frames.Length || _connection.IsBehind || !TryContinueTransaction())
        {
            return false;
        }
        ProduceFrame frame = _frames[_sent % _frames.Length];
        int partition = _partition;
        _partition = (_partition + _plan.Connections) % _plan.Partitions;
        _identity?.Stamp(frame.Batch, partition, _plan.Shape.PerBatch);
        frame.Stamp(_sent, partition, _plan.FirstProducer + _number, _nextNumber[partition], due);
        _nextNumber[partition] += _plan.Shape.PerBatch;
        _sent++;
        _connection.Send(frame.Bytes);
        if (_plan.Acks == 0)
        {
            Finish(frame);
        }
        return true;
    }

    /// <summary>Commits the last transaction once nothing is under way.</summary>
    public void EndTransaction()
    {
        if (_plan.TransactionBatches > 0 && _sent > 0)
        {
            Commit();
        }
    }

    void IFrameTarget.OnFrame(Connection connection, ReadOnlySpan<byte> frame)
    {
        (ErrorCode error, _) = ProduceFrame.ReadAnswer(frame);
        if (error != ErrorCode.None)
        {
            throw new LoadException($"a produce was answered with {error}");
        }
        Finish(_frames[_answered % _frames.Length]);
    }

    void IFrameTarget.OnLost(Connection connection, string why) =>
        throw new LoadException($"a producing connection was lost: {why}");

    private void Finish(ProduceFrame frame)
    {
        _answered++;
        _meter.Done(frame.Due, EventLoop.Now, _plan.Shape.PerBatch, frame.Batch.Length);
    }

    private bool TryContinueTransaction()
    {
        if (_plan.TransactionBatches == 0 || _sent == 0 || _sent % _plan.TransactionBatches != 0)
        {
            return true;
        }
        if (InFlight > 0)
        {
            return false;
        }
        if (Transactions < _sent / _plan.TransactionBatches)
        {
            Commit();
        }
        return true;
    }

    private void Commit()
    {
        _identity!.Commit();
        Transactions++;
    }
}
