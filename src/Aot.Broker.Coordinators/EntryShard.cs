using System.Diagnostics.CodeAnalysis;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators;

/// <summary>What a shard knows of one key: what the log says of it, and whose turn it is to change that.</summary>
internal interface IShardEntry<TKey>
{
    TKey Key { get; }

    /// <summary>Nobody uses the entry now, and it holds nothing.</summary>
    bool IsUnused { get; }
}

/// <summary>
/// A shard whose state is an entry for each key, as the committed records about the key say. A request takes its turn at the
/// entry, appends a record, and is answered when that is committed.
/// </summary>
internal abstract class EntryShard<TKey, TEntry>(
    Core core,
    int partition,
    PartitionLog log,
    CompressionCodec codec = CompressionCodec.None
) : ICoordinatorShard
    where TKey : class
    where TEntry : class, IShardEntry<TKey>
{
    private readonly Dictionary<TKey, TEntry> _entries = [];

    public Core Core { get; } = core;

    public int Partition { get; } = partition;

    public ShardState State { get; private set; } = ShardState.Loading;

    public PartitionLog PartitionLog => Log.Log;

    public IReadOnlyCollection<TEntry> Entries => _entries.Values;

    public ErrorCode Availability =>
        State switch
        {
            ShardState.Active => ErrorCode.None,
            ShardState.Loading => ErrorCode.CoordinatorLoadInProgress,
            _ => ErrorCode.NotCoordinator,
        };

    protected CoordinatorLog Log { get; } = new(core, log, codec);

    public async Task LoadAsync()
    {
        ErrorCode error = await Log.ReplayAsync(Apply, static (_, _) => { });
        await PrepareAsync();
        if (State != ShardState.Loading)
        {
            return;
        }
        if (error != ErrorCode.None)
        {
            CoordinatorTrace.Log.Error(
                "cannot load a partition of a coordinator",
                ("partition", PartitionLog.Name),
                ("error", error)
            );
            State = ShardState.Resigned;
            return;
        }
        State = ShardState.Active;
        OnActive();
    }

    public void Resign()
    {
        State = ShardState.Resigned;
        OnResigned();
        _entries.Clear();
    }

    public bool TryGet(TKey key, [NotNullWhen(true)] out TEntry? entry) => _entries.TryGetValue(key, out entry);

    public TEntry GetOrCreate(TKey key)
    {
        if (!_entries.TryGetValue(key, out TEntry? entry))
        {
            _entries[key] = entry = Make(key);
        }
        return entry;
    }

    /// <summary>Forgets an entry that never came to be, or is no more.</summary>
    public void RemoveIfUnused(TEntry entry)
    {
        if (entry.IsUnused && _entries.GetValueOrDefault(entry.Key) == entry)
        {
            _entries.Remove(entry.Key);
        }
    }

    /// <summary>Forgets what the log said of the key.</summary>
    protected void Forget(TKey key) => _entries.Remove(key);

    protected abstract TEntry Make(TKey key);

    /// <summary>The effect of a committed record; only while the shard loads.</summary>
    protected abstract void Apply(
        long offset,
        long producerId,
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> value,
        bool isTombstone
    );

    /// <summary>What has to be waited for after the replay; not to go on when the shard resigns meanwhile.</summary>
    protected virtual Task PrepareAsync() => Task.CompletedTask;

    /// <summary>The entries are those of the log, and requests come from now on.</summary>
    protected abstract void OnActive();

    /// <summary>Requests that wait are to be told.</summary>
    protected virtual void OnResigned() { }
}
