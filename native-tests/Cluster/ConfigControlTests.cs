using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using static Aot.Broker.Cluster.Tests.Plans;

namespace Aot.Broker.Cluster.Tests;

/// <summary>Which settings may change at run time, and the words in which others are refused.</summary>
public sealed class ConfigControlTests
{
    [Fact]
    public void Settings_change_step_by_step()
    {
        MetadataImage image = Create(One, Topic("foo")).Image;
        ConfigResource foo = ConfigResource.Topic("foo");
        image = Altered(image, foo, ("cleanup.policy", 2, "compact"));
        Assert.Equal("delete,compact", image.Configs.Value(foo, "cleanup.policy"));
        image = Altered(image, foo, ("cleanup.policy", 3, "delete"));
        Assert.Equal("compact", image.Configs.Value(foo, "cleanup.policy"));
        image = Altered(image, foo, ("cleanup.policy", 3, "compact"));
        Assert.Equal("", image.Configs.Value(foo, "cleanup.policy"));
        image = Altered(image, foo, ("cleanup.policy", 1, null), ("retention.ms", 0, "7"));
        Assert.Null(image.Configs.Value(foo, "cleanup.policy"));
        Assert.Equal("7", image.Configs.Value(foo, "retention.ms"));
        image = Altered(image, ConfigResource.Broker(1), ("foo.bar", 0, "4"), ("log.retention.ms", 0, "777"));
        Assert.Equal("777", image.Configs.Value(ConfigResource.Broker(1), "log.retention.ms"));
    }

    public static TheoryData<int, string, string, int, string?, int, string> Refusals =>
        new()
        {
            { 2, "nope", "retention.ms", 0, "1", 3, "The topic 'nope' does not exist." },
            { 2, "", "retention.ms", 0, "1", 42, "Default topic resources are not allowed." },
            { 2, "foo", "foo.bar", 0, "1", 40, "Unknown topic config name: foo.bar" },
            { 2, "foo", "retention.ms", 0, null, 42, "Null value not supported for : retention.ms" },
            { 2, "foo", "retention.ms", 2, "1", 40, "Can't APPEND to key retention.ms because its type is not LIST." },
            {
                2,
                "foo",
                "retention.ms",
                3,
                "1",
                40,
                "Can't SUBTRACT to key retention.ms because its type is not LIST."
            },
            { 4, "1", "num.partitions", 0, "4", 42, "Cannot update these configs dynamically: [num.partitions]" },
            { 4, "", "log.dirs", 0, "/x", 42, "Cannot update these configs dynamically: [log.dirs]" },
            {
                4,
                "1",
                "log.retention.ms",
                0,
                "abc",
                42,
                "Invalid value abc for configuration log.retention.ms: Not a number of type LONG"
            },
            {
                4,
                "",
                "listeners",
                0,
                "PLAINTEXT://:1",
                42,
                "Cannot update these configs at default cluster level, broker id must be specified: [listeners]"
            },
            {
                4,
                "9",
                "log.retention.ms",
                0,
                "1",
                42,
                "Unexpected broker id, expected 1 or empty string, but received 9"
            },
            { 4, "x", "log.retention.ms", 0, "1", 42, "Node id must be an integer, but it is: x" },
            {
                4,
                "1",
                "min.insync.replicas",
                0,
                "2",
                40,
                "Broker-level min.insync.replicas cannot be altered while ELR is enabled."
            },
            { 16, "cm", "foo", 0, "1", 42, "Unknown client metrics configuration: foo" },
            {
                16,
                "cm",
                "interval.ms",
                0,
                "1",
                42,
                "Invalid value 1 for interval.ms, interval must be between 100 and 3600000 (1 hour)"
            },
            { 16, "cm", "match", 0, "foo", 40, "Illegal client matching pattern: foo" },
            { 16, "cm", "match", 0, "client_id=[", 40, "Illegal client matching pattern: client_id=[" },
            { 16, "", "interval.ms", 0, "1000", 42, "Subscription name can't be empty" },
            { 32, "g", "foo", 0, "1", 40, "Unknown group config name: foo" },
            {
                32,
                "g",
                "consumer.session.timeout.ms",
                0,
                "1",
                40,
                "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive."
            },
            { 32, "", "consumer.session.timeout.ms", 0, "50000", 42, "Default group resources are not allowed." },
            { 0, "x", "a", 0, "1", 42, "Unknown resource type 0" },
        };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Wrong_changes_of_settings_are_refused(
        int type,
        string resource,
        string name,
        int operation,
        string? value,
        int code,
        string message
    )
    {
        MetadataImage image = Create(One, Topic("foo")).Image;
        ControlPlan<IncrementalAlterConfigsResponse> plan = Alter(
            image,
            new ConfigResource((ConfigResourceKind)type, resource),
            (name, operation, value)
        );
        Assert.Empty(plan.Records);
        Assert.Equal(
            (code, message),
            ((int)plan.Response.Responses[0].ErrorCode, plan.Response.Responses[0].ErrorMessage)
        );
    }

    [Fact]
    public void The_older_way_replaces_all_settings()
    {
        MetadataImage image = Create(One, Topic("foo", 1, 1, ("retention.ms", "1"), ("segment.ms", "2"))).Image;
        ControlPlan<AlterConfigsResponse> plan = ConfigControl.Alter(
            image,
            Facts,
            new AlterConfigsRequest
            {
                Resources =
                [
                    new AlterConfigsRequest.AlterConfigsResource
                    {
                        ResourceType = 2,
                        ResourceName = "foo",
                        Configs = [new AlterConfigsRequest.AlterableConfig { Name = "segment.ms", Value = "3" }],
                    },
                ],
            }
        );
        MetadataImage after = Images.Replay(image, plan.Records);
        Assert.Equal(["segment.ms"], after.Configs.Of(ConfigResource.Topic("foo")).Keys);
        Assert.Equal("3", after.Configs.Value(ConfigResource.Topic("foo"), "segment.ms"));
    }

    [Fact]
    public void Changed_min_insync_replicas_clear_the_eligible_leaders()
    {
        MetadataImage image = Create(One, Topic("foo")).Image;
        List<MetadataRecord> records = Alter(
            image,
            ConfigResource.Topic("foo"),
            ("min.insync.replicas", 0, "5")
        ).Records;
        Assert.Equal("foo", Assert.IsType<ClearElrRecord>(records[^1].Message).TopicName);
        records = Alter(image, ConfigResource.AllBrokers, ("min.insync.replicas", 0, "5")).Records;
        Assert.Equal("", Assert.IsType<ClearElrRecord>(records[^1].Message).TopicName);
    }

    private static ControlPlan<IncrementalAlterConfigsResponse> Alter(
        MetadataImage image,
        ConfigResource resource,
        params (string Name, int Operation, string? Value)[] steps
    ) =>
        ConfigControl.AlterIncrementally(
            image,
            Facts,
            new IncrementalAlterConfigsRequest
            {
                Resources =
                [
                    new IncrementalAlterConfigsRequest.AlterConfigsResource
                    {
                        ResourceType = (sbyte)resource.Type,
                        ResourceName = resource.Name,
                        Configs =
                        [
                            .. steps.Select(step => new IncrementalAlterConfigsRequest.AlterableConfig
                            {
                                Name = step.Name,
                                ConfigOperation = (sbyte)step.Operation,
                                Value = step.Value,
                            }),
                        ],
                    },
                ],
            }
        );

    private static MetadataImage Altered(
        MetadataImage image,
        ConfigResource resource,
        params (string Name, int Operation, string? Value)[] steps
    )
    {
        ControlPlan<IncrementalAlterConfigsResponse> plan = Alter(image, resource, steps);
        Assert.Equal((0, null), ((int)plan.Response.Responses[0].ErrorCode, plan.Response.Responses[0].ErrorMessage));
        return Images.Replay(image, plan.Records);
    }
}
