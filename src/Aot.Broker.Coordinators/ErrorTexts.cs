using Aot.Broker.Cluster;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators;

/// <summary>The sentences that Apache Kafka has for an error which needs no other explanation.</summary>
internal static class ErrorTexts
{
    public const string UnknownPartition = "This server does not host this topic-partition.";

    /// <summary>The error with its sentence; None without one.</summary>
    public static ApiError Refusal(ErrorCode error) =>
        error == ErrorCode.None ? default : new ApiError(error, TextOf(error));

    private static string? TextOf(ErrorCode error) =>
        error switch
        {
            ErrorCode.UnknownTopicOrPartition => UnknownPartition,
            ErrorCode.FencedLeaderEpoch => "The leader epoch in the request is older than the epoch on the broker.",
            ErrorCode.FencedStateEpoch => "The coordinator rejected the request because the state epoch did not match.",
            ErrorCode.CoordinatorLoadInProgress => "The coordinator is loading and hence can't process requests.",
            ErrorCode.CoordinatorNotAvailable => "The coordinator is not available.",
            ErrorCode.NotCoordinator => "This is not the correct coordinator.",
            ErrorCode.UnknownServerError => "The server experienced an unexpected error when processing the request.",
            _ => null,
        };
}
