using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Appending;

/// <summary>
/// The clients' batches of one log that wait because the first of them is too much work for the core. They are appended
/// in the order in which they came, whoever judges them, so that the sequence numbers of a producer that has several
/// requests under way stay in order.
/// </summary>
/// <remarks>
/// Owner: the log's core. One batch at a time is with the <see cref="JudgePool"/>; behind it, those that are little work
/// are appended one per step of the core's ready queue. What waits is bounded by the requests in flight.
/// </remarks>
internal sealed class AppendLine(PartitionLog log, LogAppender appender) : ITurnEnd
{
    private readonly Queue<Waiting> _waiting = new();
    private bool _isJudging;

    private struct Waiting
    {
        public BatchSource Source;
        public BufferHandle Kept;
        public short ProduceVersion;
        public IDeferredAppend Target;
        public long Token;
    }

    public bool IsEmpty => _waiting.Count == 0;

    public bool IsOpen => log.Status == LogStatus.Open;

    public LogConfig Config => log.Config;

    public TopicPartition Name => log.Name;

    /// <summary>The batch that is to be judged, and the version of its request.</summary>
    public (BatchSource Source, short ProduceVersion) First
    {
        get
        {
            Waiting first = _waiting.Peek();
            return (first.Source, first.ProduceVersion);
        }
    }

    /// <summary>Behind the others; into an empty line only with a batch that is too much for the core.</summary>
    public AppendResult Add(in BatchSource source, short produceVersion, IDeferredAppend target, long token)
    {
        Invariant.That(source.IsHeldByCaller || !source.Owner.IsNone);
        Waiting added = new()
        {
            Source = source,
            Kept = source.IsHeldByCaller ? default : log.Core.Buffers.Retain(source.Owner),
            ProduceVersion = produceVersion,
            Target = target,
            Token = token,
        };
        _waiting.Enqueue(added);
        if (_waiting.Count == 1)
        {
            Judge();
        }
        return AppendResult.Deferred;
    }

    /// <summary>The first was judged; without a job it was not, because the log was closed.</summary>
    public void OnJudged(JudgeJob? job)
    {
        _isJudging = false;
        AppendResult result =
            job is null || !IsOpen ? appender.NotTaken() : appender.AppendJudged(job, log.Core.WallMillis);
        Decide(result);
        log.Jobs.End();
    }

    /// <summary>The log takes no more: all that wait hear it, one that is being judged afterwards.</summary>
    public void Close()
    {
        while (!_isJudging && _waiting.Count > 0)
        {
            Decide(appender.NotTaken());
        }
    }

    /// <summary>The next, in its turn.</summary>
    public void OnTurnEnd()
    {
        if (_isJudging || _waiting.Count == 0)
        {
            return;
        }
        Waiting first = _waiting.Peek();
        AppendResult result = IsOpen
            ? appender.AppendBriefly(first.Source, first.ProduceVersion, log.Core.WallMillis)
            : appender.NotTaken();
        if (result.IsDeferred)
        {
            Judge();
            return;
        }
        Decide(result);
    }

    private void Judge()
    {
        _isJudging = true;
        log.Jobs.Begin();
        log.Set.Judges.Add(this);
    }

    private void Decide(in AppendResult result)
    {
        Waiting first = _waiting.Dequeue();
        if (_waiting.Count > 0)
        {
            log.Core.RunLater(this);
        }
        if (first.Kept != default)
        {
            log.Core.Buffers.Release(ref first.Kept);
        }
        first.Target.OnDecided(log, first.Token, result);
    }
}
