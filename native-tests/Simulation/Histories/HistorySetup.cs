using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Histories;

namespace Aot.Broker.Simulation.Tests;

/// <summary>Times of groups and transactions that are short enough to run out in a life of half a second.</summary>
internal static class HistorySetup
{
    public const int SessionTimeoutMs = 150;
    public const int RebalanceTimeoutMs = 200;
    public const int TransactionTimeoutMs = 100;

    public static GroupOptions Groups { get; } =
        new()
        {
            SessionTimeoutMinMs = 50,
            InitialRebalanceDelayMs = 10,
            Consumers = new ConsumerGroupOptions
            {
                SessionTimeoutMs = SessionTimeoutMs,
                SessionTimeoutMinMs = 50,
                HeartbeatIntervalMs = 20,
                HeartbeatIntervalMinMs = 5,
                AssignmentIntervalMs = 20,
            },
        };

    public static TransactionOptions Transactions { get; } = new() { AbortTimedOutIntervalMs = 50 };

    public static string KeyOf(TopicUnderTest topic, int partition) => $"{topic.Name}-{partition}";

    /// <summary>The step of a poll of one partition.</summary>
    public static PollStep Polled(
        TopicUnderTest topic,
        int partition,
        IEnumerable<(long Offset, string Value)> values
    ) =>
        new(
            new Dictionary<string, IReadOnlyList<PolledValue>>
            {
                [KeyOf(topic, partition)] = [.. values.Select(one => new PolledValue(one.Offset, one.Value))],
            }
        );
}
