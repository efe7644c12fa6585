using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Reactor;

namespace Aot.Broker.Cluster;

/// <summary>
/// Turns decisions into state: appends their records, waits until they are committed, replays them into the next
/// image, has every core take it, and only then lets the caller answer.
/// </summary>
/// <remarks>
/// Owner: core 0. Two images: <see cref="Published"/> is what cores read; <see cref="Latest"/> also contains what is
/// appended but not committed yet, so that decisions made meanwhile do not contradict it. When the disk refuses records
/// for now (it is full), they are in no log: the changes that they were of have not happened, nor has what was decided
/// on top of them, and Latest is what is left. Any other failure of an append ends the process. Changes that are committed together are published
/// together; one group is on its way to the cores at a time, in the order of the log.
/// </remarks>
internal sealed class MetadataWriter
{
    /// <summary>Changes in one image: bounds how long the first of them waits for the replay of the others.</summary>
    private const int ChangesPerImageMax = 256;

    private readonly Core _core;
    private readonly IMetadataQuorum _quorum;
    private readonly IReadOnlyList<IMetadataListener> _listeners;
    private readonly ControlFacts _facts;
    private readonly Action<Exception> _fail;
    private readonly Queue<Change> _pending = [];
    private Change? _last;
    private bool _isPublishing;
    private bool _isClosed;

    /// <summary>The offset after what was appended. The log is behind it: the disk has refused what was queued.</summary>
    private long _appendedEnd;

    /// <summary>One batch of the log: records, or the voters in the quorum's own records.</summary>
    private sealed record Change(
        IReadOnlyList<MetadataRecord> Records,
        VoterImage[]? Voters,
        long LastOffset,
        long TimestampMs
    )
    {
        public TaskCompletionSource<bool> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Replay(MetadataDelta delta)
        {
            foreach (MetadataRecord record in Records)
            {
                delta.Replay(record);
            }
            if (Voters is not null)
            {
                delta.ReplayKRaftVersion(1);
                delta.ReplayVoters(Voters);
            }
        }
    }

    /// <param name="fail">Told of what must end the process: a record that is not committed, a listener that failed.</param>
    public MetadataWriter(
        Core core,
        IMetadataQuorum quorum,
        IReadOnlyList<IMetadataListener> listeners,
        ControlFacts facts,
        Action<Exception> fail
    )
    {
        _core = core;
        _quorum = quorum;
        _listeners = listeners;
        _facts = facts;
        _fail = fail;
    }

    public MetadataImage Published { get; private set; } = MetadataImage.Empty;

    public MetadataImage Latest { get; private set; } = MetadataImage.Empty;

    /// <summary>Called on core 0 after each new image.</summary>
    public Action<MetadataImage>? OnPublished { get; set; }

    public long NextOffset => _quorum.NextOffset;

    /// <summary>
    /// Done when all cores know the records. Without records: when they know everything that this decision could see,
    /// so that nobody hears of a topic before it is there. False: the disk refused the records, and nothing has happened.
    /// </summary>
    /// <param name="records">What was decided.</param>
    /// <param name="voters">
    /// With these the quorum goes to kraft.version 1. They are a batch of their own, before the records, as they are
    /// in Apache Kafka: when the disk refuses the records then, the version has risen all the same.
    /// </param>
    public Task<bool> WriteAsync(IReadOnlyList<MetadataRecord> records, VoterImage[]? voters = null)
    {
        Invariant.That(Core.Current == _core);
        if (_isClosed)
        {
            return Task.FromResult(false);
        }
        if (_quorum.NextOffset != _appendedEnd)
        {
            // The decision was made over an image that will not be.
            ForgetLost();
            return Task.FromResult(false);
        }
        if (voters is not null && !TryAppend([], voters))
        {
            return Task.FromResult(false);
        }
        if (records.Count == 0)
        {
            return _pending.Count == 0 ? Task.FromResult(true) : _last!.Done.Task;
        }
        return TryAppend(records, null) ? _last!.Done.Task : Task.FromResult(false);
    }

    private bool TryAppend(IReadOnlyList<MetadataRecord> records, VoterImage[]? voters)
    {
        long nowMs = _core.WallMillis;
        // First into an image: what contradicts it must not get into the log.
        MetadataDelta delta = new(Latest);
        new Change(records, voters, -1, nowMs).Replay(delta);
        long last = voters is null ? _quorum.Append(records, nowMs) : _quorum.AppendVoters(voters, nowMs);
        if (last < 0)
        {
            ForgetLost();
            return false;
        }
        _appendedEnd = last + 1;
        Change change = new(records, voters, last, nowMs);
        _pending.Enqueue(change);
        _last = change;
        Latest = delta.Apply(change.LastOffset, _quorum.Epoch, nowMs);
        if (!_isPublishing)
        {
            _isPublishing = true;
            _ = PublishPendingAsync();
        }
        return true;
    }

    /// <summary>
    /// The node stops: what somebody still decides (a move of a log ends with the closing of it) is refused, and the next
    /// start finds it to be done.
    /// </summary>
    public void Close() => _isClosed = true;

    /// <summary>
    /// Gives every core the image that the node starts with. False: the disk refused its records, and nothing may be
    /// written after them.
    /// </summary>
    public async Task<bool> PublishStartAsync(MetadataImage image, MetadataDelta delta)
    {
        Invariant.That(_pending.Count == 0 && !_isPublishing);
        Latest = image;
        _appendedEnd = image.Offset + 1;
        await PublishAsync(image, delta);
        return _quorum.IsWritable && _quorum.NextOffset == _appendedEnd;
    }

    /// <summary>Takes back the changes whose records are in no log; those who wait for them hear it.</summary>
    private void ForgetLost()
    {
        Change[] all = [.. _pending];
        _pending.Clear();
        _appendedEnd = _quorum.NextOffset;
        _last = null;
        Latest = Published;
        foreach (Change change in all)
        {
            if (change.LastOffset >= _appendedEnd)
            {
                change.Done.SetResult(false);
                continue;
            }
            MetadataDelta delta = new(Latest);
            change.Replay(delta);
            Latest = delta.Apply(change.LastOffset, _quorum.Epoch, change.TimestampMs);
            _pending.Enqueue(change);
            _last = change;
        }
    }

    private async Task PublishAsync(MetadataImage image, MetadataDelta delta)
    {
        MetadataImage previous = Published;
        ConfigValues? settings =
            delta.Configs is not null || previous.IsEmpty
                ? BrokerSettings.Of(image, _facts.NodeId, _facts.StartedWith)
                : null;
        await _core.RunOnAllAsync(async core =>
        {
            MetadataView view = core.Get<MetadataView>();
            view.Settings = settings ?? view.Settings;
            foreach (IMetadataListener listener in _listeners)
            {
                await listener.OnImageAsync(core, previous, image, delta);
            }
            view.Image = image;
        });
        Published = image;
        OnPublished?.Invoke(image);
    }

    private async Task PublishPendingAsync()
    {
        try
        {
            while (_pending.TryPeek(out Change? first))
            {
                bool isCommitted = await _quorum.WhenCommittedAsync(first.LastOffset);
                if (!_pending.TryPeek(out Change? oldest) || oldest != first)
                {
                    continue; // A change that came after it found it lost.
                }
                if (isCommitted)
                {
                    await PublishGroupAsync();
                    continue;
                }
                if (!_quorum.IsWritable)
                {
                    throw new MetadataLogException(
                        $"the metadata record at offset {first.LastOffset} was not committed"
                    );
                }
                ForgetLost();
            }
            _isPublishing = false;
        }
        catch (Exception error)
        {
            _fail(error);
        }
    }

    /// <summary>The oldest change, which is committed, and those after it that are committed too.</summary>
    private async Task PublishGroupAsync()
    {
        MetadataDelta delta = new(Published);
        List<Change> group = [];
        foreach (Change change in _pending)
        {
            if (group.Count == ChangesPerImageMax || (group.Count > 0 && change.LastOffset >= _quorum.CommittedEnd))
            {
                break;
            }
            change.Replay(delta);
            group.Add(change);
        }
        await PublishAsync(delta.Apply(group[^1].LastOffset, _quorum.Epoch, group[^1].TimestampMs), delta);
        foreach (Change change in group)
        {
            // Taken off only now: who finds nothing pending may speak of everything decided so far.
            Change done = _pending.Dequeue();
            Invariant.That(done == change);
            change.Done.SetResult(true);
        }
    }
}
