using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Perf.Client;
using Aot.Perf.Measure;
using Aot.Perf.Records;

namespace Aot.Perf.Loads;

/// <summary>One consuming connection: it fetches its partitions, one request under way, and checks what comes.</summary>
internal sealed class FetchLane : IFrameTarget, IFetchTarget, IRecordTarget
{
    private readonly Meter _meter;
    private readonly Connection _connection;
    private readonly FetchFrame _frame;
    private readonly int[] _partitions;
    private readonly ReadCheck[] _checks;
    private readonly bool _metersRecords;
    private int _requests;
    private long _sentAt;
    private long _now;

    /// <param name="metersRecords">Latency is each record's, from its due time; else each fetch's, from its sending.</param>
    public FetchLane(
        EventLoop loop,
        LoadPlan plan,
        Meter meter,
        int[] partitions,
        bool metersRecords,
        InetEndpoint? source = null
    )
    {
        _meter = meter;
        _metersRecords = metersRecords;
        _partitions = partitions;
        FetchLimits limits = new(
            plan.FetchBytes,
            WaitMs: plan.FetchWaitMs,
            IsReadCommitted: plan.TransactionBatches > 0
        );
        _frame = new FetchFrame(plan.Topic, partitions, limits);
        _checks = Array.ConvertAll(partitions, partition => new ReadCheck(partition, plan.Shape, plan.Check));
        _connection = Connection.Open(loop, plan.Broker, this, source: source);
    }

    /// <summary>Where reading begins again after the end, for each of its partitions; null = it waits for more.</summary>
    public (long Start, long End)[]? Rounds { get; init; }

    public long Records => _checks.Sum(check => check.Records);

    public void Seek(int i, long offset) => _checks[i].Seek(offset);

    /// <summary>Sends the next fetch.</summary>
    public void Fetch()
    {
        for (int i = 0; i < _checks.Length; i++)
        {
            if (Rounds is { } rounds && _checks[i].NextOffset >= rounds[i].End)
            {
                _checks[i].Seek(rounds[i].Start);
            }
            _frame.SetOffset(i, _checks[i].NextOffset);
        }
        _frame.SetCorrelation(++_requests);
        _sentAt = EventLoop.Now;
        _connection.Send(_frame.Bytes);
    }

    void IFrameTarget.OnFrame(Connection connection, ReadOnlySpan<byte> frame)
    {
        _now = EventLoop.Now;
        long records = Records;
        FetchFrame.ReadAnswer(frame, this);
        if (!_metersRecords)
        {
            _meter.Done(_sentAt, _now, Records - records, frame.Length);
        }
        Fetch();
    }

    void IFrameTarget.OnLost(Connection connection, string why) =>
        throw new LoadException($"a consuming connection was lost: {why}");

    void IFetchTarget.OnPartition(int partition, ErrorCode error, long highWatermark, ReadOnlySpan<byte> records)
    {
        if (error != ErrorCode.None)
        {
            throw new LoadException($"a fetch of partition {partition} was answered with {error}");
        }
        ReadCheck check = _checks[Array.IndexOf(_partitions, partition)];
        check.Read(records, _metersRecords ? this : null);
    }

    void IRecordTarget.OnRecord(int partition, long offset, long due) => _meter.Done(due, _now, 1, 0);
}
