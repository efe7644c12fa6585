namespace Aot.Broker.Cluster;

/// <summary>
/// The role of this node in the quorum that keeps the metadata log, as the controller needs it: append when leading,
/// and know what is committed. A quorum of one is <see cref="SingleVoterQuorum"/>; one over the wire has the same form.
/// Owned by core 0.
/// </summary>
internal interface IMetadataQuorum
{
    int LeaderId { get; }

    int Epoch { get; }

    bool IsLeader { get; }

    /// <summary>The offset that the next record gets.</summary>
    long NextOffset { get; }

    /// <summary>Every record below is committed: it cannot be lost any more.</summary>
    long CommittedEnd { get; }

    /// <summary>The log takes records; where it is full it does so again when there is space.</summary>
    bool IsWritable { get; }

    /// <summary>
    /// Writes the records as one batch, whole or not at all; the offset of the last, or -1 when the disk refuses for now.
    /// Only when leading.
    /// </summary>
    long Append(IReadOnlyList<MetadataRecord> records, long nowMs);

    /// <summary>The same for the voters, with which the quorum is at kraft.version 1 (KIP-853).</summary>
    long AppendVoters(VoterImage[] voters, long nowMs);

    /// <summary>True when the record is committed, false when it never will be.</summary>
    Task<bool> WhenCommittedAsync(long lastOffset);
}
