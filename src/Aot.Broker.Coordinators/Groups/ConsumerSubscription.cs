using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// What the coordinator may read of a consumer's opaque subscription bytes: the topic names. Bytes that are not a
/// subscription count as "unknown", which keeps every committed offset.
/// </summary>
public static class ConsumerSubscription
{
    public const string ProtocolType = "consumer";

    public static bool TryReadTopics(ReadOnlySpan<byte> metadata, ISet<string> topics)
    {
        WireReader reader = new(metadata);
        short version = Math.Min(reader.ReadInt16(), ConsumerProtocolSubscription.HighestVersion);
        if (
            version < ConsumerProtocolSubscription.LowestVersion
            || !ConsumerProtocolSubscription.TryRead(ref reader, version, out ConsumerProtocolSubscription subscription)
        )
        {
            return false;
        }
        foreach (string topic in subscription.Topics)
        {
            topics.Add(topic);
        }
        return true;
    }
}
