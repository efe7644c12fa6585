using Aot.Broker.Protocol;

namespace Aot.Broker.Simulation.Tests;

internal static class TransactionErrors
{
    /// <summary>A broker that is being started, or the end of the transaction before: the same request may be sent again.</summary>
    public static bool IsForLater(this ErrorCode error) =>
        error
            is ErrorCode.ConcurrentTransactions
                or ErrorCode.CoordinatorLoadInProgress
                or ErrorCode.CoordinatorNotAvailable
                or ErrorCode.NotCoordinator
                or ErrorCode.NotLeaderOrFollower
                or ErrorCode.UnknownTopicOrPartition
                or ErrorCode.NotEnoughReplicas;
}
