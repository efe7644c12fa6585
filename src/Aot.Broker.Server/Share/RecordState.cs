namespace Aot.Broker.Server.Share;

/// <summary>What a record is to its share group (KIP-932). The values are those of Apache Kafka's state records.</summary>
internal enum RecordState : byte
{
    Available = 0,

    /// <summary>Some member holds it for the time of its lock. Never written down.</summary>
    Acquired = 1,
    Acknowledged = 2,

    /// <summary>Rejected, missing, aborted, or delivered too often: nobody gets it any more.</summary>
    Archived = 4,
}

/// <summary>What a member says of a record that it holds, as on the wire.</summary>
internal enum AcknowledgeType : sbyte
{
    /// <summary>There is no such record: compacted away, or a control record.</summary>
    Gap = 0,
    Accept = 1,
    Release = 2,
    Reject = 3,

    /// <summary>Goes on, and needs more time (KIP-1222).</summary>
    Renew = 4,
}

/// <summary>How a fetch takes records (KIP-1206).</summary>
internal enum AcquireMode : sbyte
{
    /// <summary>Whole batches, also when that is more records than were asked for.</summary>
    BatchOptimized = 0,

    /// <summary>Never more records than were asked for.</summary>
    RecordLimit = 1,
}

/// <summary>Records that a member got, both ends included, and how often they were delivered with this time.</summary>
internal readonly record struct AcquiredRange(long FirstOffset, long LastOffset, short DeliveryCount);

/// <summary>Acknowledged records, both ends included: one type for all of them, or one for each offset.</summary>
internal readonly record struct AcknowledgedBatch(long FirstOffset, long LastOffset, IReadOnlyList<sbyte> Types);

/// <summary>The settings of a group that the rules of its records need.</summary>
internal readonly record struct ShareLimits(
    int RecordLocksMax,
    int DeliveryCountMax,
    int LockDurationMillis,
    bool AllowsRenewal
);
