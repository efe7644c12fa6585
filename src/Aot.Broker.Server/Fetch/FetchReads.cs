using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Fetch;

/// <summary>
/// The reading half of a share, on the core that owns the logs: finds what a partition has for a fetch, and holds the leases
/// that keep the segments of an answer open until it was sent.
/// </summary>
internal sealed class FetchReads
{
    /// <summary>The index and the place in the log, and both once more should they have left the page cache meanwhile.</summary>
    private const int WarmUpsMax = 4;

    private SegmentLease[] _leases = new SegmentLease[4];
    private int _leaseCount;

    public bool HoldsLeases => _leaseCount > 0;

    /// <summary>The aborted transactions of all items, for fetches that want committed records only.</summary>
    public List<AbortedTransaction> Aborted { get; } = [];

    /// <summary>Reads one partition at the place that the item names, and keeps a lease of what was found.</summary>
    [HotPath]
    public void Read(ServerCore owner, ref FetchItem item, ReadIsolation isolation, long room, bool isFirst)
    {
        item.HighWatermark = -1;
        item.LastStableOffset = -1;
        item.LogStartOffset = -1;
        item.DivergingEpoch = -1;
        item.Length = 0;
        item.IsCold = false;
        item.IsLookupCold = false;
        item.AbortedFirst = Aborted.Count;
        item.AbortedCount = 0;
        PartitionLog? log = owner.Logs.Find(item.TopicId, item.Partition);
        item.Log = log;
        item.Error = log is null ? ErrorCode.NotLeaderOrFollower : CheckEpochs(log, ref item);
        if (log is null || item.Error != ErrorCode.None)
        {
            return;
        }
        item.SeenLimit = Limit(log, isolation);
        item.SeenStart = log.LogStartOffset;
        if (item.DivergingEpoch >= 0)
        {
            item.HighWatermark = log.HighWatermark;
            item.LastStableOffset = log.LastStableOffset;
            item.LogStartOffset = log.LogStartOffset;
            return;
        }
        int bytesMax = (int)Math.Min(item.BytesMax, Math.Max(room, 0));
        item.Error = log.Read(
            item.FetchOffset,
            bytesMax,
            isolation,
            isFirst,
            out LogSlice slice,
            item.WarmUps < WarmUpsMax
        );
        if (item.Error != ErrorCode.None)
        {
            return;
        }
        item.HighWatermark = slice.HighWatermark;
        item.LastStableOffset = slice.LastStableOffset;
        item.LogStartOffset = slice.LogStartOffset;
        item.File = slice.File;
        item.Position = slice.Position;
        if (slice.IsLookupCold)
        {
            item.IsLookupCold = true;
            item.ColdLength = slice.Length;
            KeepLease(slice.Lease);
            return;
        }
        item.Length = slice.Length;
        item.IsCold = slice.IsCold;
        if (slice.Length > 0)
        {
            KeepLease(slice.Lease);
        }
        if (isolation == ReadIsolation.LastStableOffset && slice.Length > 0)
        {
            log.GetAbortedTransactions(item.FetchOffset, slice.UpperBoundOffset, Aborted);
            item.AbortedCount = Aborted.Count - item.AbortedFirst;
        }
    }

    /// <summary>
    /// The client's idea of the leader's epoch must be ours, and what it fetched last must lie on our history; else the place
    /// where the histories part is told (KIP-320, KIP-595).
    /// </summary>
    [HotPath]
    private static ErrorCode CheckEpochs(PartitionLog log, ref FetchItem item)
    {
        item.LeaderEpoch = log.LeaderEpoch;
        if (item.CurrentLeaderEpoch >= 0 && item.CurrentLeaderEpoch != log.LeaderEpoch)
        {
            return item.CurrentLeaderEpoch < log.LeaderEpoch
                ? ErrorCode.FencedLeaderEpoch
                : ErrorCode.UnknownLeaderEpoch;
        }
        if (item.LastFetchedEpoch >= 0)
        {
            (int epoch, long endOffset) = log.EndOffsetForEpoch(item.LastFetchedEpoch);
            if (epoch < 0 || endOffset < 0)
            {
                return ErrorCode.OffsetOutOfRange;
            }
            if (epoch < item.LastFetchedEpoch || endOffset < item.FetchOffset)
            {
                item.DivergingEpoch = epoch;
                item.DivergingEndOffset = endOffset;
            }
        }
        return ErrorCode.None;
    }

    [HotPath]
    public static long Limit(PartitionLog log, ReadIsolation isolation) =>
        isolation switch
        {
            ReadIsolation.LastStableOffset => log.LastStableOffset,
            ReadIsolation.HighWatermark => log.HighWatermark,
            _ => log.LogEndOffset,
        };

    [HotPath]
    private void KeepLease(SegmentLease lease)
    {
        if (_leaseCount == _leases.Length)
        {
            Array.Resize(ref _leases, 2 * _leases.Length);
        }
        _leases[_leaseCount++] = lease;
    }

    /// <summary>What was read last is not needed any more.</summary>
    [HotPath]
    public void ReleaseLeases()
    {
        for (int i = 0; i < _leaseCount; i++)
        {
            _leases[i].Release();
            _leases[i] = default;
        }
        _leaseCount = 0;
        Aborted.Clear();
    }
}
