using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Appending;

/// <summary>
/// The batches of one core that compute threads look at. At most <see cref="JobsMax"/> at once, because each has scratch
/// memory for the records without their compression; logs beyond that wait in line.
/// </summary>
/// <remarks>Owner: the core. A log has one batch here at most: the first of its <see cref="AppendLine"/>.</remarks>
internal sealed class JudgePool(Core core) : IDisposable
{
    /// <summary>One that runs, and one that is ready when it ends.</summary>
    private const int JobsMax = 2;

    private readonly Queue<AppendLine> _waiting = new();
    private readonly Stack<JudgeJob> _free = new();
    private int _made;

    /// <summary>Has the first batch of the line judged; <see cref="AppendLine.OnJudged"/> follows.</summary>
    public void Add(AppendLine line)
    {
        if (!_free.TryPop(out JudgeJob? job))
        {
            if (_made == JobsMax)
            {
                _waiting.Enqueue(line);
                return;
            }
            _made++;
            job = new JudgeJob(this);
        }
        Start(job, line);
    }

    public void OnDone(JudgeJob job, AppendLine line)
    {
        line.OnJudged(job);
        job.Trim();
        while (_waiting.TryDequeue(out AppendLine? next))
        {
            if (next.IsOpen)
            {
                Start(job, next);
                return;
            }
            next.OnJudged(null);
        }
        _free.Push(job);
    }

    /// <summary>After the last log was closed. What a log that is being deleted still has under way frees itself.</summary>
    public void Dispose()
    {
        foreach (JudgeJob job in _free)
        {
            job.Dispose();
        }
    }

    private void Start(JudgeJob job, AppendLine line)
    {
        job.Begin(line, core.WallMillis);
        core.Compute.Run(core, job);
    }
}

/// <summary>
/// The checks of one batch, and its other form where it needs one, on a compute thread. Filled and read on the core, run
/// on the thread; the batch's bytes are the job's alone while it runs.
/// </summary>
internal sealed class JudgeJob(JudgePool pool) : IBackgroundJob, IDisposable
{
    private readonly ClientBatches _checks = new();
    private AppendLine? _line;
    private LogConfig _config = null!;
    private TopicPartition _name;
    private BatchSource _source;
    private short _produceVersion;
    private long _nowMillis;

    /// <summary>With an error when the batch is not taken.</summary>
    public Refusal Refusal { get; private set; }

    /// <summary>The batch to append: the source's bytes, or, until <see cref="Trim"/>, another form of them in scratch memory.</summary>
    public BatchSource Judged { get; private set; }

    public void Begin(AppendLine line, long nowMillis)
    {
        (_line, _config, _name) = (line, line.Config, line.Name);
        (_source, _produceVersion) = line.First;
        _nowMillis = nowMillis;
        (Refusal, Judged) = (default, default);
    }

    public unsafe void Run()
    {
        // SAFETY: the line keeps the bytes until the job is done, and nobody else writes to them meanwhile.
        Span<byte> bytes = new((void*)_source.Address, _source.Length);
        ErrorCode error = _checks.Check(ref bytes, _produceVersion, _config, _nowMillis, isBrief: false);
        if (error != ErrorCode.None)
        {
            Refusal = _checks.Explain(error, bytes, _produceVersion, _config, _name);
            return;
        }
        Judged = _source.Cut(bytes.Length);
        if (!_checks.NeedsConversion(bytes, _config))
        {
            return;
        }
        error = _checks.Convert(bytes, _config, out Span<byte> converted);
        if (error != ErrorCode.None)
        {
            Refusal = ClientBatches.ExplainConverted(error, converted.Length, _config, _name);
            return;
        }
        Judged = _checks.KeepConverted(converted);
    }

    public void Done(Core core)
    {
        AppendLine line = _line!;
        _line = null;
        pool.OnDone(this, line);
    }

    /// <summary>The outcome was used: its memory may go.</summary>
    public void Trim()
    {
        _checks.Trim();
        (_source, Judged, Refusal) = (default, default, default);
    }

    public void Dispose() => _checks.Dispose();
}
