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
/// appended but not committed yet, so that decisions made meanwhile do not contradict it. An append that fails ends the
/// process, therefore Latest always becomes Published in the end. Changes that are committed together are published
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

    private sealed record Change(
        IReadOnlyList<MetadataRecord> Records,
        long LastOffset,
        long TimestampMs,
        TaskCompletionSource Done
    );

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
    /// so that nobody hears of a topic before it is there.
    /// </summary>
    public Task WriteAsync(IReadOnlyList<MetadataRecord> records)
    {
        Invariant.That(Core.Current == _core);
        if (records.Count == 0)
        {
            return _pending.Count == 0 ? Task.CompletedTask : _last!.Done.Task;
        }
        long nowMs = _core.WallMillis;
        MetadataDelta delta = new(Latest);
        foreach (MetadataRecord record in records)
        {
            delta.Replay(record);
        }
        Change change = new(
            records,
            _quorum.Append(records, nowMs),
            nowMs,
            new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
        );
        _pending.Enqueue(change);
        _last = change;
        Latest = delta.Apply(change.LastOffset, _quorum.Epoch, nowMs);
        if (!_isPublishing)
        {
            _isPublishing = true;
            _ = PublishPendingAsync();
        }
        return change.Done.Task;
    }

    /// <summary>Gives every core the image that the node starts with.</summary>
    public async Task PublishStartAsync(MetadataImage image, MetadataDelta delta)
    {
        Invariant.That(_pending.Count == 0 && !_isPublishing);
        Latest = image;
        await PublishAsync(image, delta);
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
                if (!await _quorum.WhenCommittedAsync(first.LastOffset))
                {
                    throw new MetadataLogException(
                        $"the metadata record at offset {first.LastOffset} was not committed"
                    );
                }
                await PublishGroupAsync();
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
            foreach (MetadataRecord record in change.Records)
            {
                delta.Replay(record);
            }
            group.Add(change);
        }
        await PublishAsync(delta.Apply(group[^1].LastOffset, _quorum.Epoch, group[^1].TimestampMs), delta);
        foreach (Change change in group)
        {
            // Taken off only now: who finds nothing pending may speak of everything decided so far.
            Change done = _pending.Dequeue();
            Invariant.That(done == change);
            change.Done.SetResult();
        }
    }
}
