using Aot.Broker.Base;
using Aot.Broker.Protocol;

namespace Aot.Broker.Server.Fetch;

/// <summary>A partition of a fetch: what is asked, and the answer.</summary>
internal struct FetchEntry
{
    /// <summary>Null in versions that name topics by id.</summary>
    public TopicName? Name;
    public KafkaUuid TopicId;
    public int Partition;
    public long FetchOffset;
    public int BytesMax;
    public int CurrentLeaderEpoch;
    public int LastFetchedEpoch;

    /// <summary>What the session remembers of it; null without a session.</summary>
    public SessionPartition? Session;

    /// <summary>The core that reads it and its place in that core's share; -1 when no core was asked.</summary>
    public int ShareCore;
    public int ShareItem;

    public ErrorCode Error;
    public int LeaderId;
    public int LeaderEpoch;

    /// <summary>Bytes of records in the answer.</summary>
    public int Length;

    /// <summary>Part of the answer; incremental sessions leave out what did not change.</summary>
    public bool IsTold;

    public readonly bool IsSameTopic(in FetchEntry other) =>
        Name is null ? TopicId == other.TopicId : other.Name is not null && Name.Text == other.Name.Text;
}
