using Aot.Broker.Protocol;

namespace Aot.Broker.Faults.Tests;

/// <summary>Errors after which a client tries again.</summary>
internal static class Retriable
{
    public static readonly ErrorCode[] Codes =
    [
        ErrorCode.NotLeaderOrFollower,
        ErrorCode.NetworkException,
        ErrorCode.LeaderNotAvailable,
        ErrorCode.BrokerNotAvailable,
        ErrorCode.KafkaStorageError,
        ErrorCode.RequestTimedOut,
        ErrorCode.NotEnoughReplicas,
        ErrorCode.UnknownTopicOrPartition,
    ];
}
