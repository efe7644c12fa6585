using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>A committed position of a group in a partition.</summary>
/// <param name="Offset">The next offset that the group would read.</param>
/// <param name="LeaderEpoch">Epoch of the last record read; -1 = unknown.</param>
/// <param name="Metadata">The client's own text.</param>
/// <param name="CommitTimestampMs">Wall clock of the commit.</param>
/// <param name="ExpireTimestampMs">When an old client wants it forgotten; -1 = by the broker's retention.</param>
/// <param name="TopicId">The topic's id where the record carried one, else zero.</param>
public readonly record struct CommittedOffset(
    long Offset,
    int LeaderEpoch,
    string Metadata,
    long CommitTimestampMs,
    long ExpireTimestampMs,
    Base.KafkaUuid TopicId
);

/// <summary>
/// The committed offsets of the groups of one shard: state that changes only by replay of committed records. Owned
/// by the shard's core.
/// </summary>
public sealed class OffsetStore
{
    private readonly Dictionary<string, Dictionary<TopicPartition, CommittedOffset>> groups = [];

    public int Count { get; private set; }

    public CommittedOffset? Find(string groupId, in TopicPartition partition) =>
        groups.TryGetValue(groupId, out Dictionary<TopicPartition, CommittedOffset>? offsets)
        && offsets.TryGetValue(partition, out CommittedOffset offset)
            ? offset
            : null;

    /// <summary>All offsets of a group; empty when it has none.</summary>
    public IReadOnlyDictionary<TopicPartition, CommittedOffset> Of(string groupId) =>
        groups.TryGetValue(groupId, out Dictionary<TopicPartition, CommittedOffset>? offsets) ? offsets : Nothing;

    public bool HasAny(string groupId) => groups.ContainsKey(groupId);

    public IEnumerable<string> Groups => groups.Keys;

    public void Set(string groupId, in TopicPartition partition, in CommittedOffset offset)
    {
        if (!groups.TryGetValue(groupId, out Dictionary<TopicPartition, CommittedOffset>? offsets))
        {
            groups[groupId] = offsets = [];
        }
        if (!offsets.ContainsKey(partition))
        {
            Count++;
        }
        offsets[partition] = offset;
    }

    public void Remove(string groupId, in TopicPartition partition)
    {
        if (
            groups.TryGetValue(groupId, out Dictionary<TopicPartition, CommittedOffset>? offsets)
            && offsets.Remove(partition)
        )
        {
            Count--;
            if (offsets.Count == 0)
            {
                groups.Remove(groupId);
            }
        }
    }

    public void Clear()
    {
        groups.Clear();
        Count = 0;
    }

    private static readonly Dictionary<TopicPartition, CommittedOffset> Nothing = [];
}
