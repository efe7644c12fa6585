using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Fetch;

/// <summary>One partition to read, and what was found.</summary>
internal struct FetchItem
{
    public KafkaUuid TopicId;
    public int Partition;
    public long FetchOffset;
    public int BytesMax;
    public int CurrentLeaderEpoch;
    public int LastFetchedEpoch;

    /// <summary>Index of the partition in the request.</summary>
    public int Place;

    public ErrorCode Error;
    public long HighWatermark;
    public long LastStableOffset;
    public long LogStartOffset;
    public int LeaderEpoch;
    public int DivergingEpoch;
    public long DivergingEndOffset;
    public Fd File;
    public long Position;
    public int Length;
    public bool IsCold;

    /// <summary>Nothing was read yet: the bytes that say where the offset is have to be read ahead first.</summary>
    public bool IsLookupCold;

    /// <summary>How often that was done for this request.</summary>
    public byte WarmUps;
    public int ColdLength;

    /// <summary>Which of the share's aborted transactions lie in what was read.</summary>
    public int AbortedFirst;
    public int AbortedCount;

    /// <summary>What the log showed when it was read: a wait ends when it shows something else.</summary>
    public PartitionLog? Log;
    public long SeenLimit;
    public long SeenStart;
}
