using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>An offset that takes effect when its producer's transaction is committed.</summary>
internal sealed class PendingOffset(string groupId, TopicPartition partition, CommittedOffset offset)
{
    public string GroupId => groupId;

    public TopicPartition Partition => partition;

    public CommittedOffset Offset => offset;

    /// <summary>A later record, which does not wait for this transaction, decides the offset.</summary>
    public bool IsOverwritten { get; set; }
}

/// <summary>
/// The offsets that open transactions have committed so far, in the order of their records. State that changes only by replay
/// of committed records; owned by the shard's core.
/// </summary>
internal sealed class PendingOffsets
{
    private readonly Dictionary<long, List<PendingOffset>> _ofProducer = [];
    private readonly Dictionary<(string GroupId, TopicPartition Partition), List<PendingOffset>> _ofPartition = [];
    private readonly Dictionary<string, int> _countOfGroup = [];

    /// <summary>Whether a transaction that is open may still change the offset.</summary>
    public bool Has(string groupId, in TopicPartition partition) => _ofPartition.ContainsKey((groupId, partition));

    public bool HasAny(string groupId) => _countOfGroup.ContainsKey(groupId);

    public void Add(long producerId, string groupId, in TopicPartition partition, in CommittedOffset offset)
    {
        PendingOffset pending = new(groupId, partition, offset);
        ListOf(_ofProducer, producerId).Add(pending);
        ListOf(_ofPartition, (groupId, partition)).Add(pending);
        _countOfGroup[groupId] = _countOfGroup.GetValueOrDefault(groupId) + 1;
    }

    /// <summary>The offset was decided by a later record: what is pending for it no longer matters.</summary>
    public void Overwrite(string groupId, in TopicPartition partition)
    {
        if (_ofPartition.TryGetValue((groupId, partition), out List<PendingOffset>? pending))
        {
            pending.ForEach(each => each.IsOverwritten = true);
        }
    }

    /// <summary>
    /// Removes what the producer's transaction wrote, in order. What another transaction wrote before a committed offset does
    /// not come back when that one is committed later.
    /// </summary>
    public IReadOnlyList<PendingOffset> Take(long producerId, bool isCommit)
    {
        if (!_ofProducer.Remove(producerId, out List<PendingOffset>? taken))
        {
            return [];
        }
        foreach (PendingOffset pending in taken)
        {
            (string, TopicPartition) key = (pending.GroupId, pending.Partition);
            List<PendingOffset> left = _ofPartition[key];
            int at = left.IndexOf(pending);
            for (int i = 0; i < at && isCommit; i++)
            {
                left[i].IsOverwritten = true;
            }
            left.RemoveAt(at);
            if (left.Count == 0)
            {
                _ofPartition.Remove(key);
            }
            int count = _countOfGroup[pending.GroupId] - 1;
            if (count == 0)
            {
                _countOfGroup.Remove(pending.GroupId);
            }
            else
            {
                _countOfGroup[pending.GroupId] = count;
            }
        }
        return taken;
    }

    public void Clear()
    {
        _ofProducer.Clear();
        _ofPartition.Clear();
        _countOfGroup.Clear();
    }

    private static List<PendingOffset> ListOf<TKey>(Dictionary<TKey, List<PendingOffset>> lists, TKey key)
        where TKey : notnull
    {
        if (!lists.TryGetValue(key, out List<PendingOffset>? list))
        {
            lists[key] = list = [];
        }
        return list;
    }
}
