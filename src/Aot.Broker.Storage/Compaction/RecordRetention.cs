namespace Aot.Broker.Storage.Compaction;

/// <summary>What a pass decides by: the newest offsets of the keys, the time, and what must stay for producers.</summary>
internal sealed class RecordRetention
{
    public required OffsetMap Map { get; init; }

    public required KeyHasher Hasher { get; init; }

    /// <summary>The map knows all keys below this offset; everything at or above it stays.</summary>
    public required long MapEndOffset { get; init; }

    public required long NowMillis { get; init; }

    /// <summary><c>delete.retention.ms</c>.</summary>
    public required long DeleteRetentionMs { get; init; }

    /// <summary>What a tombstone that is seen for the first time gets: the time at which it may go.</summary>
    public long DeleteHorizonMillis =>
        DeleteRetentionMs > long.MaxValue - NowMillis ? long.MaxValue : NowMillis + DeleteRetentionMs;

    /// <summary>Tombstones of magic 0 and 1, which have no delete horizon, go where their segment is older than this.</summary>
    public required long LegacyHorizonMillis { get; init; }

    /// <summary>The producers that the log knew when the pass began.</summary>
    public required ActiveProducers Producers { get; init; }

    /// <summary>Whether a record is the newest of its key, and no tombstone whose time is over.</summary>
    public bool Keeps(ReadOnlySpan<byte> key, long offset, bool isTombstone, bool tombstoneIsOver)
    {
        if (offset >= MapEndOffset)
        {
            return true;
        }
        return offset >= Map.Get(Hasher.Hash(key)) && !(isTombstone && tombstoneIsOver);
    }
}

/// <summary>
/// The last batch of each producer of a log. It stays, without records if need be: its sequence number is what a
/// repetition after a restart is recognized by, and a producer without data keeps the marker that has its epoch.
/// </summary>
internal sealed class ActiveProducers
{
    private readonly Dictionary<long, (long LastDataOffset, short Epoch)> _producers = [];

    /// <param name="producers">Producer id, last offset of its newest data batch (-1 without one), epoch.</param>
    public ActiveProducers(ReadOnlySpan<(long ProducerId, long LastDataOffset, short Epoch)> producers)
    {
        foreach ((long producerId, long lastDataOffset, short epoch) in producers)
        {
            _producers[producerId] = (lastDataOffset, epoch);
        }
    }

    public bool IsLastOf(long producerId, short epoch, long lastOffset, bool isControl) =>
        _producers.TryGetValue(producerId, out (long LastDataOffset, short Epoch) last)
        && (last.LastDataOffset >= 0 ? last.LastDataOffset == lastOffset : isControl && last.Epoch == epoch);
}
