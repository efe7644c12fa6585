using Aot.Broker.Base;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Server.Fetch;

/// <summary>
/// A fetch request, read from its frame into reused arrays: nothing of the frame is needed afterwards, so a long poll holds no
/// request bytes.
/// </summary>
internal sealed class FetchRequestReader(TopicNameTable names)
{
    public const short FirstFlexible = 12;
    public const short FirstWithTopicIds = 13;
    private const short FirstWithSessions = 7;

    public FetchEntry[] Entries = new FetchEntry[8];

    public int Count { get; private set; }

    public List<SessionKey> Forgotten { get; } = [];

    public int ReplicaId { get; private set; }

    public int MaxWaitMillis { get; private set; }

    public int BytesMin { get; private set; }

    public int BytesMax { get; private set; }

    public bool IsReadCommitted { get; private set; }

    public int SessionId { get; private set; }

    public int SessionEpoch { get; private set; }

    /// <summary>Empties the list of partitions, to be filled from a session.</summary>
    public void Clear() => Count = 0;

    [HotPath]
    public ref FetchEntry Add()
    {
        if (Count == Entries.Length)
        {
            Array.Resize(ref Entries, 2 * Entries.Length);
        }
        ref FetchEntry entry = ref Entries[Count++];
        entry = default;
        entry.ShareCore = -1;
        entry.LeaderId = -1;
        return ref entry;
    }

    [HotPath]
    public bool TryRead(ReadOnlySpan<byte> body, short version)
    {
        Count = 0;
        Forgotten.Clear();
        bool flexible = version >= FirstFlexible;
        WireReader reader = new(body);
        ReplicaId = version <= 14 ? reader.ReadInt32() : -1;
        MaxWaitMillis = reader.ReadInt32();
        BytesMin = reader.ReadInt32();
        BytesMax = reader.ReadInt32();
        IsReadCommitted = reader.ReadInt8() == 1;
        SessionId = version >= FirstWithSessions ? reader.ReadInt32() : 0;
        SessionEpoch = version >= FirstWithSessions ? reader.ReadInt32() : FetchSession.FinalEpoch;
        int topics = reader.ReadCount(flexible, nullable: false, elementBytesMin: 3);
        for (int t = 0; t < topics && reader.IsValid; t++)
        {
            ReadTopic(ref reader, version, flexible);
        }
        if (version >= FirstWithSessions)
        {
            ReadForgotten(ref reader, version, flexible);
        }
        if (version >= 11)
        {
            // The rack matters to followers that serve consumers, which a cluster of one broker does not have.
            reader.ReadStringBytes(flexible);
        }
        if (flexible)
        {
            ReadTags(ref reader);
        }
        return reader.IsValid;
    }

    [HotPath]
    private void ReadTopic(ref WireReader reader, short version, bool flexible)
    {
        TopicName? name = null;
        KafkaUuid id = default;
        if (version >= FirstWithTopicIds)
        {
            id = reader.ReadUuid();
        }
        else
        {
            name = names.Get(reader.ReadStringBytes(flexible));
        }
        int partitions = reader.ReadCount(flexible, nullable: false, elementBytesMin: 16);
        for (int p = 0; p < partitions && reader.IsValid; p++)
        {
            ref FetchEntry entry = ref Add();
            entry.Name = name;
            entry.TopicId = id;
            entry.Partition = reader.ReadInt32();
            entry.CurrentLeaderEpoch = version >= 9 ? reader.ReadInt32() : -1;
            entry.FetchOffset = reader.ReadInt64();
            entry.LastFetchedEpoch = version >= 12 ? reader.ReadInt32() : -1;
            if (version >= 5)
            {
                // A follower's log start offset.
                reader.ReadInt64();
            }
            entry.BytesMax = reader.ReadInt32();
            reader.SkipTags(flexible);
        }
        reader.SkipTags(flexible);
    }

    [HotPath]
    private void ReadForgotten(ref WireReader reader, short version, bool flexible)
    {
        int topics = reader.ReadCount(flexible, nullable: false, elementBytesMin: 3);
        for (int t = 0; t < topics && reader.IsValid; t++)
        {
            string? name = null;
            KafkaUuid id = default;
            if (version >= FirstWithTopicIds)
            {
                id = reader.ReadUuid();
            }
            else
            {
                name = names.Get(reader.ReadStringBytes(flexible)).Text;
            }
            int partitions = reader.ReadCount(flexible, nullable: false, elementBytesMin: 4);
            for (int p = 0; p < partitions && reader.IsValid; p++)
            {
                Forgotten.Add(new SessionKey(name, id, reader.ReadInt32()));
            }
            reader.SkipTags(flexible);
        }
    }

    /// <summary>Tag 0 is the cluster id (raft), tag 1 the state of a replica, which took the place of the field.</summary>
    [HotPath]
    private void ReadTags(ref WireReader reader)
    {
        TagWalk tags = reader.ReadTags();
        while (reader.NextTag(ref tags))
        {
            if (tags.Tag == 1)
            {
                ReplicaId = reader.ReadInt32();
                reader.ReadInt64();
                reader.SkipTags();
            }
            else
            {
                reader.Skip(tags.Size);
            }
        }
    }
}
