using Aot.Broker.Base;
using Aot.Broker.Cluster;

namespace Aot.Broker.Server.Share;

/// <summary>Whose session it is.</summary>
internal sealed record ShareSessionKey(string GroupId, string MemberId);

/// <summary>A partition in a session.</summary>
internal readonly record struct SharePlace(KafkaUuid TopicId, int Partition);

/// <summary>
/// What a member fetches on one connection (KIP-932): the partitions, so that its next requests name only what changed, and the
/// epoch that the next request must carry. It ends with the connection, and what the member holds is free again then.
/// </summary>
/// <remarks>Owned by the core of the connection.</remarks>
internal sealed class ShareSession(ShareSessionKey key, long id, long connectionId)
{
    public const int InitialEpoch = 0;
    public const int FinalEpoch = -1;

    /// <summary>
    /// Partitions that this broker does not know: a client may hear of a topic before it, and of a deletion after it. A
    /// topic of a thousand partitions that are all led here; sessions are thousands, and each such place takes 50 bytes.
    /// </summary>
    public const int UnknownMax = 1_000;

    /// <summary>Each with whether the member was told of it: a new one is part of the next answer, whatever it has.</summary>
    private readonly Dictionary<SharePlace, bool> _partitions = [];

    public ShareSessionKey Key => key;

    /// <summary>Unique among the sessions of its core.</summary>
    public long Id => id;

    public long ConnectionId => connectionId;

    /// <summary>The epoch that the next request must carry.</summary>
    public int Epoch { get; private set; } = 1;

    public int Count => _partitions.Count;

    /// <summary>Epochs count up and begin again at 1, since 0 means a new session.</summary>
    public void Advance() => Epoch = Epoch == int.MaxValue ? 1 : Epoch + 1;

    public void Add(in SharePlace place) => _partitions.TryAdd(place, false);

    public void Forget(in SharePlace place) => _partitions.Remove(place);

    /// <summary>What exists bounds a session, and this what does not.</summary>
    public bool HasTooManyUnknown(MetadataImage image)
    {
        if (_partitions.Count <= UnknownMax)
        {
            return false;
        }
        int unknown = 0;
        foreach (SharePlace place in _partitions.Keys)
        {
            unknown += image.Topic(place.TopicId)?.Partition(place.Partition) is null ? 1 : 0;
        }
        return unknown > UnknownMax;
    }

    /// <summary>Notes that the next answer has it; true when it is the first.</summary>
    public bool Tell(in SharePlace place, bool isError)
    {
        if (!_partitions.TryGetValue(place, out bool wasTold))
        {
            return false;
        }
        // After an error the next good answer is news.
        _partitions[place] = !isError;
        return !wasTold;
    }

    /// <summary>The partitions, beginning with another one at each epoch, so that the limits of an answer starve none.</summary>
    public void CopyTo(List<SharePlace> places)
    {
        int first = _partitions.Count == 0 ? 0 : Epoch % _partitions.Count;
        places.AddRange(_partitions.Keys);
        if (first > 0)
        {
            places.Reverse(0, first);
            places.Reverse(first, places.Count - first);
            places.Reverse();
        }
    }
}
