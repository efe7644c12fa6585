using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// Records of one change of a group: each takes effect on the state at once, so that the next step of the change sees it,
/// and all are appended as one batch in the end. The answer to the client waits for the commit; a batch that cannot be
/// committed makes the shard load again from its log. Used within one turn of the shard's core.
/// </summary>
internal sealed class GroupWrite(GroupShard shard)
{
    private readonly List<CoordinatorRecord> _records = [];

    public bool IsEmpty => _records.Count == 0;

    public void Add(CoordinatorRecord record)
    {
        _records.Add(record);
        shard.Apply(record);
    }

    public void Add(IEnumerable<CoordinatorRecord> records)
    {
        // What the records are made from changes with the first of them.
        foreach (CoordinatorRecord record in records.ToList())
        {
            Add(record);
        }
    }

    public Task<ErrorCode> CommitAsync() =>
        IsEmpty ? Task.FromResult(ErrorCode.None) : shard.CommitAppliedAsync(_records);
}
