using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server.Share;

/// <summary>A partition in the answer of a share fetch: what it was acknowledged, fetched, or both.</summary>
internal sealed class ShareFetchEntry(SharePlace place)
{
    public SharePlace Place => place;

    public ErrorCode Error { get; set; }

    public ErrorCode AcknowledgeError { get; set; }

    /// <summary>It has an error because somebody else leads it.</summary>
    public bool TellsLeader { get; set; }

    public int LeaderId { get; set; }

    public int LeaderEpoch { get; set; }

    /// <summary>Where it was fetched; null when it was not.</summary>
    public ShareFetchItem? Item { get; set; }
}

/// <summary>The answer of a ShareFetch: the records go out of their files, see <see cref="RecordsAnswer"/>.</summary>
internal sealed class ShareFetchAnswer(ServerCore server, int lockDurationMillis) : RecordsAnswer(server)
{
    private ErrorCode _error;
    private string? _message;

    /// <summary>Partitions of one topic need not be beside each other.</summary>
    public List<ShareFetchEntry> Entries { get; } = [];

    public bool TryWrite(RequestSlot slot, ErrorCode error, string? message)
    {
        _error = error;
        _message = message;
        return TryWrite(slot);
    }

    protected override void WriteBody(ref WireWriter writer, RequestSlot slot)
    {
        writer.WriteInt32(0);
        writer.WriteInt16((short)_error);
        writer.WriteNullableString(_message, compact: true);
        writer.WriteInt32(_error == ErrorCode.None ? lockDurationMillis : 0);
        bool tellsLeaders = false;
        List<KafkaUuid> topics = [];
        foreach (ShareFetchEntry entry in Entries)
        {
            tellsLeaders |= entry.TellsLeader;
            if (!topics.Contains(entry.Place.TopicId))
            {
                topics.Add(entry.Place.TopicId);
            }
        }
        writer.WriteCount(topics.Count, flexible: true);
        foreach (KafkaUuid topic in topics)
        {
            WriteTopic(ref writer, topic);
        }
        if (tellsLeaders)
        {
            Server.WriteEndpoints(ref writer, slot.Connection);
        }
        else
        {
            writer.WriteCount(0, flexible: true);
        }
        writer.WriteUVarint(0);
    }

    private void WriteTopic(ref WireWriter writer, KafkaUuid topic)
    {
        int count = 0;
        foreach (ShareFetchEntry entry in Entries)
        {
            count += entry.Place.TopicId == topic ? 1 : 0;
        }
        writer.WriteUuid(topic);
        writer.WriteCount(count, flexible: true);
        foreach (ShareFetchEntry entry in Entries)
        {
            if (entry.Place.TopicId == topic)
            {
                WritePartition(ref writer, entry);
            }
        }
        writer.WriteUVarint(0);
    }

    private void WritePartition(ref WireWriter writer, ShareFetchEntry entry)
    {
        writer.WriteInt32(entry.Place.Partition);
        writer.WriteInt16((short)entry.Error);
        writer.WriteNullableString(null, compact: true);
        writer.WriteInt16((short)entry.AcknowledgeError);
        writer.WriteNullableString(null, compact: true);
        writer.WriteInt32(entry.LeaderId);
        writer.WriteInt32(entry.LeaderEpoch);
        writer.WriteUVarint(0);
        if (entry.Item is { Length: > 0 } item)
        {
            WriteRecords(ref writer, item.Read.File, item.Position, item.Length, flexible: true);
            writer.WriteCount(item.Acquired.Count, flexible: true);
            foreach (AcquiredRange range in item.Acquired)
            {
                writer.WriteInt64(range.FirstOffset);
                writer.WriteInt64(range.LastOffset);
                writer.WriteInt16(range.DeliveryCount);
                writer.WriteUVarint(0);
            }
        }
        else
        {
            writer.WriteCount(0, flexible: true);
            writer.WriteCount(0, flexible: true);
        }
        writer.WriteUVarint(0);
    }
}
