using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Server.Connections;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Fetch;

/// <summary>The answer of a fetch: the records go out of their files, see <see cref="RecordsAnswer"/>.</summary>
internal sealed class FetchAnswer(ServerCore server, FetchRequestReader request, FetchShare?[] shares)
    : RecordsAnswer(server)
{
    private const short FirstWithSessions = 7;
    private const short FirstWithEndpoints = 16;

    private ErrorCode _error;
    private int _sessionId;

    [HotPath]
    public bool TryWrite(RequestSlot slot, ErrorCode error, int sessionId)
    {
        _error = error;
        _sessionId = sessionId;
        return TryWrite(slot);
    }

    [HotPath]
    protected override void WriteBody(ref WireWriter writer, RequestSlot slot)
    {
        short version = slot.Version;
        bool flexible = version >= FetchRequestReader.FirstFlexible;
        writer.WriteInt32(0);
        if (version >= FirstWithSessions)
        {
            writer.WriteInt16((short)_error);
            writer.WriteInt32(_sessionId);
        }
        bool tellsLeaders = false;
        writer.WriteCount(CountTopics(request), flexible);
        for (int i = NextTold(request, 0); i < request.Count; )
        {
            tellsLeaders |= WriteTopic(ref writer, version, flexible, ref i);
        }
        if (flexible)
        {
            if (tellsLeaders)
            {
                Server.WriteNodeEndpoints(ref writer, slot.Connection);
            }
            else
            {
                writer.WriteUVarint(0);
            }
        }
    }

    /// <summary>One run of partitions of a topic; <paramref name="i"/> moves past it.</summary>
    [HotPath]
    private bool WriteTopic(ref WireWriter writer, short version, bool flexible, ref int i)
    {
        ref FetchEntry first = ref request.Entries[i];
        int count = 0;
        int end = i;
        while (end < request.Count && request.Entries[end].IsSameTopic(first))
        {
            count++;
            end = NextTold(request, end + 1);
        }
        if (first.Name is null)
        {
            writer.WriteUuid(first.TopicId);
        }
        else
        {
            writer.WriteStringBytes(first.Name.Utf8, flexible);
        }
        writer.WriteCount(count, flexible);
        bool tellsLeaders = false;
        for (; i < end; i = NextTold(request, i + 1))
        {
            tellsLeaders |= WritePartition(ref writer, ref request.Entries[i], version, flexible);
        }
        if (flexible)
        {
            writer.WriteUVarint(0);
        }
        return tellsLeaders;
    }

    [HotPath]
    private bool WritePartition(ref WireWriter writer, ref FetchEntry entry, short version, bool flexible)
    {
        FetchItem none = default;
        none.HighWatermark = -1;
        none.LastStableOffset = -1;
        none.LogStartOffset = -1;
        none.DivergingEpoch = -1;
        ref FetchItem item = ref none;
        if (entry.ShareCore >= 0)
        {
            item = ref shares[entry.ShareCore]![entry.ShareItem];
        }
        ErrorCode error = entry.Error;
        if (version <= 5 && error == ErrorCode.KafkaStorageError)
        {
            error = ErrorCode.NotLeaderOrFollower;
        }
        writer.WriteInt32(entry.Partition);
        writer.WriteInt16((short)error);
        writer.WriteInt64(item.HighWatermark);
        writer.WriteInt64(item.LastStableOffset);
        if (version >= 5)
        {
            writer.WriteInt64(item.LogStartOffset);
        }
        if (request.IsReadCommitted)
        {
            List<AbortedTransaction>? aborted = entry.ShareCore >= 0 ? shares[entry.ShareCore]!.Aborted : null;
            WriteAborted(
                ref writer,
                aborted,
                item.AbortedFirst,
                error == ErrorCode.None ? item.AbortedCount : 0,
                flexible
            );
        }
        else
        {
            writer.WriteCount(-1, flexible);
        }
        if (version >= 11)
        {
            writer.WriteInt32(-1);
        }
        WriteRecords(ref writer, item.File, item.Position, entry.Length, flexible);
        return flexible && WritePartitionTags(ref writer, entry, item, version);
    }

    [HotPath]
    private static void WriteAborted(
        ref WireWriter writer,
        List<AbortedTransaction>? aborted,
        int first,
        int count,
        bool flexible
    )
    {
        writer.WriteCount(count, flexible);
        for (int i = first; i < first + count; i++)
        {
            writer.WriteInt64(aborted![i].ProducerId);
            writer.WriteInt64(aborted[i].FirstOffset);
            if (flexible)
            {
                writer.WriteUVarint(0);
            }
        }
    }

    /// <summary>Tag 0: where the client's history ends; tag 1: who leads. Both are rare.</summary>
    [HotPath]
    private static bool WritePartitionTags(ref WireWriter writer, in FetchEntry entry, in FetchItem item, short version)
    {
        bool diverges = item.DivergingEpoch >= 0 && entry.Error == ErrorCode.None;
        bool tellsLeader =
            version >= FirstWithEndpoints
            && entry.LeaderId >= 0
            && entry.Error is ErrorCode.NotLeaderOrFollower or ErrorCode.FencedLeaderEpoch;
        writer.WriteUVarint((diverges ? 1u : 0u) + (tellsLeader ? 1u : 0u));
        if (diverges)
        {
            writer.WriteUVarint(0);
            writer.WriteUVarint(sizeof(int) + sizeof(long) + 1);
            writer.WriteInt32(item.DivergingEpoch);
            writer.WriteInt64(item.DivergingEndOffset);
            writer.WriteUVarint(0);
        }
        if (tellsLeader)
        {
            writer.WriteUVarint(1);
            writer.WriteUVarint(sizeof(int) + sizeof(int) + 1);
            writer.WriteInt32(entry.LeaderId);
            writer.WriteInt32(entry.LeaderEpoch);
            writer.WriteUVarint(0);
        }
        return tellsLeader;
    }

    [HotPath]
    private static int CountTopics(FetchRequestReader request)
    {
        int count = 0;
        int previous = -1;
        for (int i = NextTold(request, 0); i < request.Count; i = NextTold(request, i + 1))
        {
            if (previous < 0 || !request.Entries[i].IsSameTopic(request.Entries[previous]))
            {
                count++;
            }
            previous = i;
        }
        return count;
    }

    [HotPath]
    private static int NextTold(FetchRequestReader request, int from)
    {
        while (from < request.Count && !request.Entries[from].IsTold)
        {
            from++;
        }
        return from;
    }
}
