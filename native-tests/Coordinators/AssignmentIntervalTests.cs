using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Coordinators.StreamsGroups;

namespace Aot.Broker.Coordinators.Tests;

/// <summary>The least time between two divisions of a group's work is the broker's setting of the moment, within its bounds.</summary>
public sealed class AssignmentIntervalTests
{
    private const int StartedWith = 700;
    private const int Max = 15_000;

    [Theory]
    [InlineData("consumer")]
    [InlineData("share")]
    [InlineData("streams")]
    public void A_change_while_the_broker_runs_holds(string kind)
    {
        Assert.Equal(
            StartedWith,
            IntervalMs(kind, new MetadataView(ConfigValues.ForBroker(new Dictionary<string, string>())))
        );
        Assert.Equal(40, IntervalMs(kind, Changed(kind, "40")));
        Assert.Equal(Max, IntervalMs(kind, Changed(kind, "99000")));
    }

    private static MetadataView Changed(string kind, string value) =>
        new(
            ConfigValues
                .ForBroker(new Dictionary<string, string>())
                .With(
                    ConfigSource.DynamicDefaultBroker,
                    new Dictionary<string, string> { [$"group.{kind}.assignment.interval.ms"] = value }
                )
        );

    private static int IntervalMs(string kind, MetadataView metadata) =>
        kind switch
        {
            "consumer" => new GroupSettings(
                metadata,
                new ConsumerGroupOptions { AssignmentIntervalMs = StartedWith, AssignmentIntervalMaxMs = Max }
            ).AssignmentIntervalMs("group"),
            "share" => new ShareGroupSettings(
                metadata,
                new ShareGroupOptions { AssignmentIntervalMs = StartedWith, AssignmentIntervalMaxMs = Max }
            ).AssignmentIntervalMs("group"),
            _ => new StreamsSettings(
                metadata,
                new StreamsGroupOptions { AssignmentIntervalMs = StartedWith, AssignmentIntervalMaxMs = Max }
            ).AssignmentIntervalMs("group"),
        };
}
