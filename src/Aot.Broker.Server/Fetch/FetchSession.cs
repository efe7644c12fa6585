using Aot.Broker.Base;

namespace Aot.Broker.Server.Fetch;

/// <summary>How a session finds a partition: by topic name, or by id when the client uses ids.</summary>
internal readonly record struct SessionKey(string? Topic, KafkaUuid TopicId, int Partition);

/// <summary>What a session remembers of one partition: the client's last word on it, and ours.</summary>
internal sealed class SessionPartition(SessionKey key, TopicName? name)
{
    public SessionKey Key => key;

    public TopicName? Name => name;

    public long FetchOffset { get; set; }

    public int BytesMax { get; set; }

    public int CurrentLeaderEpoch { get; set; } = -1;

    public int LastFetchedEpoch { get; set; } = -1;

    /// <summary>High watermark that the client was told last; -1 makes the next answer tell it again.</summary>
    public long ToldHighWatermark { get; set; } = -1;

    public long ToldLogStartOffset { get; set; } = -1;

    internal SessionPartition? Next { get; set; }

    internal SessionPartition? Previous { get; set; }

    /// <summary>
    /// Notes what is about to be told; true when the client does not know it yet. After an error the high watermark is
    /// forgotten, so that the next good answer names it.
    /// </summary>
    [HotPath]
    public bool Tell(long highWatermark, long logStartOffset, bool isError)
    {
        bool isNew = isError;
        if (ToldHighWatermark != highWatermark)
        {
            ToldHighWatermark = highWatermark;
            isNew = true;
        }
        if (ToldLogStartOffset != logStartOffset)
        {
            ToldLogStartOffset = logStartOffset;
            isNew = true;
        }
        if (isError)
        {
            ToldHighWatermark = -1;
        }
        return isNew;
    }
}

/// <summary>
/// An incremental fetch session (KIP-227): the partitions that a client fetches, so that its next requests name only what
/// changed. Partitions are asked in the order of the list; one that returned data goes to its end, so that the limit on bytes
/// of an answer starves none.
///
/// Owned by one core, like the connection that made it. A client that reconnects to another core makes a new one.
/// </summary>
internal sealed class FetchSession(int id, bool usesTopicIds)
{
    public const int InitialEpoch = 0;
    public const int FinalEpoch = -1;

    private readonly Dictionary<SessionKey, SessionPartition> _partitions = [];

    public int Id => id;

    public bool UsesTopicIds => usesTopicIds;

    /// <summary>The epoch that the next request must carry.</summary>
    public int Epoch { get; private set; } = NextEpoch(InitialEpoch);

    public long UsedMillis { get; set; }

    public int Count => _partitions.Count;

    public SessionPartition? First { get; private set; }

    private SessionPartition? Last { get; set; }

    /// <summary>Epochs count up and begin again at 1, since 0 means a new session.</summary>
    public static int NextEpoch(int epoch) =>
        epoch switch
        {
            < 0 => FinalEpoch,
            int.MaxValue => 1,
            _ => epoch + 1,
        };

    public void Advance() => Epoch = NextEpoch(Epoch);

    /// <summary>Finds a partition, or takes it up at the end.</summary>
    public SessionPartition Get(in SessionKey key, TopicName? name)
    {
        if (!_partitions.TryGetValue(key, out SessionPartition? partition))
        {
            partition = new SessionPartition(key, name);
            _partitions.Add(key, partition);
            Append(partition);
        }
        return partition;
    }

    public void Forget(in SessionKey key)
    {
        if (_partitions.Remove(key, out SessionPartition? partition))
        {
            Unlink(partition);
        }
    }

    /// <summary>It returned data: the others come first next time.</summary>
    [HotPath]
    public void MoveToEnd(SessionPartition partition)
    {
        bool isListed = partition.Previous is not null || ReferenceEquals(First, partition);
        if (isListed && !ReferenceEquals(Last, partition))
        {
            Unlink(partition);
            Append(partition);
        }
    }

    private void Append(SessionPartition partition)
    {
        partition.Previous = Last;
        partition.Next = null;
        if (Last is null)
        {
            First = partition;
        }
        else
        {
            Last.Next = partition;
        }
        Last = partition;
    }

    private void Unlink(SessionPartition partition)
    {
        if (partition.Previous is null)
        {
            First = partition.Next;
        }
        else
        {
            partition.Previous.Next = partition.Next;
        }
        if (partition.Next is null)
        {
            Last = partition.Previous;
        }
        else
        {
            partition.Next.Previous = partition.Previous;
        }
        partition.Previous = null;
        partition.Next = null;
    }
}
