using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Cluster;

/// <summary>
/// A quorum of this node alone: what it has on the disk is committed. The epoch rises at every start, so that nothing
/// an earlier process may still have in flight can be taken for ours.
/// </summary>
internal sealed class SingleVoterQuorum : IMetadataQuorum
{
    private readonly PartitionLog _log;

    /// <summary>Files that must be on the disk before anything counts as committed; null once they are.</summary>
    private Task<bool>? _durable;

    public SingleVoterQuorum(PartitionLog log, int nodeId, int epoch, Task<bool> durable)
    {
        _log = log;
        LeaderId = nodeId;
        Epoch = epoch;
        _durable = durable;
        log.BecomeLeader(epoch);
    }

    public int LeaderId { get; }

    public int Epoch { get; }

    public bool IsLeader => true;

    public long NextOffset => _log.NextOffset;

    public long CommittedEnd => _durable is null ? _log.HighWatermark : 0;

    public bool IsWritable => _log.Status == LogStatus.Open;

    public PartitionLog Log => _log;

    /// <summary>The first batch of the epoch.</summary>
    public long AppendLeaderChange(VoterImage[]? votersInLog, long nowMs) =>
        Append(MetadataBatches.LeaderChange(LeaderId, [LeaderId], NextOffset, Epoch, nowMs, votersInLog), nowMs);

    public long Append(IReadOnlyList<MetadataRecord> records, long nowMs)
    {
        Invariant.That(records.Count > 0);
        return Append(MetadataBatches.OfRecords(records, NextOffset, Epoch, nowMs), nowMs);
    }

    public long AppendVoters(VoterImage[] voters, long nowMs) =>
        Append(MetadataBatches.VersionAndVoters(voters, NextOffset, Epoch, nowMs), nowMs);

    public async Task<bool> WhenCommittedAsync(long lastOffset)
    {
        if (_durable is { } durable)
        {
            if (!await durable)
            {
                return false;
            }
            _durable = null;
        }
        return await _log.WhenCommittedAsync(lastOffset) == ErrorCode.None;
    }

    private long Append(byte[] batch, long nowMs)
    {
        long expected = NextOffset;
        AppendResult result = _log.AppendCopy(batch, AppendOrigin.RaftLeader, nowMs);
        if (result.Error == ErrorCode.KafkaStorageError && IsWritable)
        {
            return -1;
        }
        if (result.Error != ErrorCode.None)
        {
            throw new MetadataLogException($"the metadata log takes no more records: {result.Error}");
        }
        Invariant.That(result.BaseOffset == expected);
        return result.LastOffset;
    }
}
