namespace Aot.Broker.Storage.Producers;

/// <summary>What is known of a producer that wants to begin a transaction in this partition.</summary>
internal struct ProducerVerification
{
    public short Epoch;

    /// <summary>The smallest sequence that asked: a later one may not overtake it.</summary>
    public int LowestSequence;

    /// <summary>The producer gets a new epoch with every transaction, so that whoever is unknown must begin at 0.</summary>
    public bool BumpsEpoch;

    /// <summary>The coordinator has said that the partition is part of the open transaction.</summary>
    public bool IsVerified;
    public long SinceMillis;
}

/// <summary>
/// The producers that asked to begin a transaction in this partition, until their first record or a marker (KIP-890). A
/// marker takes back what the coordinator said before it, so that a late record cannot open a transaction that nobody
/// will end. Owner: the log's core.
/// </summary>
internal sealed class ProducerVerifications
{
    private readonly Dictionary<long, ProducerVerification> _ofProducer = [];

    public int Count => _ofProducer.Count;

    public void Begin(long producerId, short epoch, int sequence, bool bumpsEpoch, long nowMillis)
    {
        if (_ofProducer.TryGetValue(producerId, out ProducerVerification known) && known.Epoch >= epoch)
        {
            bool isLower = known.LowestSequence < 0 || (sequence >= 0 && sequence < known.LowestSequence);
            known.LowestSequence = isLower ? sequence : known.LowestSequence;
            known.BumpsEpoch |= bumpsEpoch;
            known.SinceMillis = nowMillis;
            _ofProducer[producerId] = known;
            return;
        }
        _ofProducer[producerId] = new ProducerVerification
        {
            Epoch = epoch,
            LowestSequence = sequence,
            BumpsEpoch = bumpsEpoch,
            SinceMillis = nowMillis,
        };
    }

    /// <summary>The coordinator has agreed. Nothing happens when a marker or a newer epoch came in between.</summary>
    public void Confirm(long producerId, short epoch)
    {
        if (_ofProducer.TryGetValue(producerId, out ProducerVerification known) && known.Epoch == epoch)
        {
            known.IsVerified = true;
            _ofProducer[producerId] = known;
        }
    }

    public bool TryFind(long producerId, out ProducerVerification found)
    {
        found = default;
        return _ofProducer.Count > 0 && _ofProducer.TryGetValue(producerId, out found);
    }

    public void Remove(long producerId)
    {
        if (_ofProducer.Count > 0)
        {
            _ofProducer.Remove(producerId);
        }
    }

    public void RemoveExpired(long nowMillis, long expirationMs)
    {
        foreach ((long producerId, ProducerVerification entry) in _ofProducer)
        {
            if (nowMillis - entry.SinceMillis >= expirationMs)
            {
                _ofProducer.Remove(producerId);
            }
        }
    }

    public void Clear() => _ofProducer.Clear();
}
