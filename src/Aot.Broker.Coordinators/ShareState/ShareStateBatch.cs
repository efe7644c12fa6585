namespace Aot.Broker.Coordinators.ShareState;

/// <summary>
/// Records of a share partition with the same fate: offsets from first to last, both included. Delivery states as on disk
/// and on the wire: 0 available, 2 acknowledged, 4 archived. Acquired (1) is never written down.
/// </summary>
public readonly record struct ShareStateBatch(
    long FirstOffset,
    long LastOffset,
    sbyte DeliveryState,
    short DeliveryCount
)
{
    public bool HasSameFate(in ShareStateBatch other) =>
        DeliveryState == other.DeliveryState && DeliveryCount == other.DeliveryCount;

    /// <summary>
    /// Of two reports about one record the one with more deliveries is newer, and among equals the one that is further on the way
    /// from available to archived.
    /// </summary>
    public bool Outranks(in ShareStateBatch other) =>
        DeliveryCount != other.DeliveryCount
            ? DeliveryCount > other.DeliveryCount
            : DeliveryState > other.DeliveryState;
}
