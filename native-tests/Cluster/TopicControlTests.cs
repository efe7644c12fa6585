using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using static Aot.Broker.Cluster.Tests.Plans;

namespace Aot.Broker.Cluster.Tests;

/// <summary>Which topics and partitions the controller makes, and the words in which it refuses.</summary>
public sealed class TopicControlTests
{
    [Fact]
    public void A_created_topic_is_described_with_what_it_got()
    {
        (MetadataImage image, CreateTopicsResponse response) = Create(
            One,
            Topic("foo", 2, 1, ("retention.ms", "1000"), ("cleanup.policy", "compact,delete"))
        );
        CreateTopicsResponse.CreatableTopicResult result = Assert.Single(response.Topics);
        Assert.Equal((2, 1), (result.NumPartitions, result.ReplicationFactor));
        TopicImage topic = image.Topic("foo")!;
        Assert.Equal(result.TopicId, topic.Id);
        Assert.Equal("1000", image.Configs.Value(ConfigResource.Topic("foo"), "retention.ms"));
        Assert.Equal(new KafkaUuid(200, 1), topic.Partitions[1].Directories[0]);
        CreateTopicsResponse.CreatableTopicConfigs retention = result.Configs!.Single(c => c.Name == "retention.ms");
        Assert.Equal(("1000", (sbyte)ConfigSource.Topic), (retention.Value, retention.ConfigSource));
        CreateTopicsResponse.CreatableTopicConfigs segment = result.Configs!.Single(c => c.Name == "segment.bytes");
        Assert.Equal((sbyte)ConfigSource.Default, segment.ConfigSource);
    }

    [Fact]
    public void Defaults_fill_in_what_is_not_asked()
    {
        (MetadataImage image, _) = Create(One, Topic("d", -1, -1));
        Assert.Single(image.Topic("d")!.Partitions);
    }

    [Fact]
    public void Validation_alone_changes_nothing()
    {
        ControlPlan<CreateTopicsResponse> plan = TopicControl.Create(
            One,
            Facts,
            new CreateTopicsRequest { Topics = [Topic("v")], ValidateOnly = true }
        );
        Assert.Empty(plan.Records);
        Assert.Equal(0, plan.Response.Topics[0].ErrorCode);
    }

    [Theory]
    [InlineData("", "Topic name is invalid: the empty string is not allowed")]
    [InlineData(".", "Topic name is invalid: '.' is not allowed")]
    [InlineData("..", "Topic name is invalid: '..' is not allowed")]
    [InlineData(
        "a b",
        "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
    )]
    [InlineData("a_b", "Topic 'a_b' collides with existing topic: a.b")]
    [InlineData("__._.__", null)]
    public void Names_are_checked(string name, string? message)
    {
        MetadataImage image = Create(One, Topic("a.b")).Image;
        (ErrorCode code, string? problem) = CreateError(image, Topic(name));
        Assert.Equal(message is null ? ErrorCode.None : ErrorCode.InvalidTopicException, code);
        Assert.Equal(message, problem);
    }

    [Fact]
    public void Names_with_many_dots_collide_too()
    {
        MetadataImage image = Create(One, Topic("a.b.c.d.e.f.g.h.i")).Image;
        (ErrorCode code, _) = CreateError(image, Topic("a_b_c_d_e_f_g_h_i"));
        Assert.Equal(ErrorCode.InvalidTopicException, code);
        Assert.Equal(ErrorCode.None, CreateError(image, Topic("a_b_c_d_e_f_g_h_j")).Code);
    }

    [Fact]
    public void Names_that_are_too_long_taken_doubled_or_reserved_are_refused()
    {
        MetadataImage image = Create(One, Topic("foo")).Image;
        Assert.Equal((ErrorCode.TopicAlreadyExists, "Topic 'foo' already exists."), CreateError(image, Topic("foo")));
        Assert.EndsWith(
            "is longer than the max allowed length 249",
            CreateError(image, Topic(new string('x', 250))).Message
        );
        Assert.Equal(ErrorCode.None, CreateError(image, Topic(new string('x', 249))).Code);
        Assert.Equal(
            (ErrorCode.InvalidRequest, "Creation of internal topic __cluster_metadata is prohibited."),
            CreateError(image, Topic("__cluster_metadata"))
        );
        CreateTopicsResponse doubled = Create(image, Topic("two"), Topic("two"), Topic("three")).Response;
        Assert.Equal(2, doubled.Topics.Count);
        Assert.Equal(
            ((short)ErrorCode.InvalidRequest, "Duplicate topic name."),
            (doubled.Topics[0].ErrorCode, doubled.Topics[0].ErrorMessage)
        );
        Assert.Equal(0, doubled.Topics[1].ErrorCode);
    }

    [Fact]
    public void Counts_are_checked()
    {
        const string Partitions = "Number of partitions was set to an invalid non-positive value.";
        const string Factor = "Replication factor must be larger than 0, or -1 to use the default value.";
        Assert.Equal((ErrorCode.InvalidPartitions, Partitions), CreateError(One, Topic("t", 0)));
        Assert.Equal((ErrorCode.InvalidPartitions, Partitions), CreateError(One, Topic("t", -2)));
        Assert.Equal((ErrorCode.InvalidReplicationFactor, Factor), CreateError(One, Topic("t", 1, 0)));
        Assert.Equal((ErrorCode.InvalidReplicationFactor, Factor), CreateError(One, Topic("t", 1, -2)));
        (ErrorCode code, string? message) = CreateError(One, Topic("t", 1, 3));
        Assert.Equal(ErrorCode.InvalidReplicationFactor, code);
        Assert.StartsWith(
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because "
                + "only 1 broker(s) are registered",
            message
        );
        Assert.Equal(
            (ErrorCode.PolicyViolation, "Excessively large number of partitions per request."),
            CreateError(One, Topic("t", 10_001))
        );
    }

    [Fact]
    public void Assignments_by_hand_are_checked()
    {
        const string The = "The manual partition assignment includes ";
        const string Hole = "partitions should be a consecutive 0-based integer sequence";
        Assert.Equal(ErrorCode.None, CreateError(One, Assigned("m", (0, [1]), (1, [1]))).Code);
        (CreateTopicsRequest.CreatableTopic, string)[] wrong =
        [
            (Assigned("m", (0, [7])), Unknown),
            (Assigned("m", (0, [1, 1])), The + "the broker 1 more than once."),
            (Assigned("m", (0, [])), The + "an empty replica list."),
            (Assigned("m", (1, [1])), Hole),
            (Assigned("m", (-1, [1])), Hole),
            (Assigned("m", (0, [1]), (0, [1])), "Found multiple manual partition assignments for partition 0"),
        ];
        foreach ((CreateTopicsRequest.CreatableTopic topic, string message) in wrong)
        {
            Assert.Equal((ErrorCode.InvalidReplicaAssignment, message), CreateError(One, topic));
        }
        CreateTopicsRequest.CreatableTopic both = Assigned("m", (0, [1]));
        both.ReplicationFactor = 1;
        Assert.Equal(ErrorCode.InvalidRequest, CreateError(One, both).Code);
        MetadataImage two = ClusterOf((1, null, false), (2, null, false));
        Assert.Contains("not consistent", CreateError(two, Assigned("m", (0, [1]), (1, [1, 2]))).Message);
    }

    [Theory]
    [InlineData("foo.bar", "1", "Unknown topic config name: foo.bar")]
    [InlineData("retention.ms", "abc", "Invalid value abc for configuration retention.ms: Not a number of type LONG")]
    [InlineData("retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1")]
    [InlineData("retention.ms", null, "Null value not supported for topic configs: retention.ms")]
    [InlineData(
        "cleanup.policy",
        "foo",
        "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete"
    )]
    [InlineData(
        "remote.storage.enable",
        "true",
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."
    )]
    [InlineData("cleanup.policy", "", null)]
    public void Settings_of_new_topics_are_checked(string name, string? value, string? message)
    {
        (ErrorCode code, string? problem) = CreateError(One, Topic("t", 1, 1, (name, value)));
        Assert.Equal(message is null ? ErrorCode.None : ErrorCode.InvalidConfig, code);
        Assert.Equal(message, problem);
    }

    [Fact]
    public void Settings_that_contradict_each_other_are_refused()
    {
        Assert.Equal(
            "conflict topic config setting min.compaction.lag.ms (100) > max.compaction.lag.ms (10)",
            CreateError(
                One,
                Topic("t", 1, 1, ("min.compaction.lag.ms", "100"), ("max.compaction.lag.ms", "10"))
            ).Message
        );
    }

    [Fact]
    public void Replicas_spread_over_racks_and_brokers()
    {
        MetadataImage image = ClusterOf(
            (1, "a", false),
            (2, "a", false),
            (3, "b", false),
            (4, "b", false),
            (5, "c", false),
            (6, "c", true)
        );
        TopicImage topic = Create(image, Topic("t", 60, 3)).Image.Topic("t")!;
        int[] leaders = new int[7];
        foreach (PartitionImage partition in topic.Partitions)
        {
            Assert.Equal(3, partition.Replicas.Distinct().Count());
            Assert.Equal(3, partition.Replicas.Select(id => image.Broker(id)!.Rack).Distinct().Count());
            Assert.DoesNotContain(6, partition.Isr);
            Assert.Equal(partition.Replicas[0], partition.Leader);
            leaders[partition.Leader]++;
        }
        Assert.Equal(0, leaders[6]);
        Assert.All(leaders[1..6], count => Assert.InRange(count, 6, 24));
        Assert.Equal(ErrorCode.InvalidReplicationFactor, CreateError(ClusterOf((1, null, true)), Topic("t")).Code);
    }

    [Fact]
    public void Partitions_are_added()
    {
        MetadataImage image = Create(One, Topic("foo", 2)).Image;
        (string Name, int Count, int[][]? By, ErrorCode Code, string? Message)[] cases =
        [
            ("foo", 2, null, ErrorCode.InvalidPartitions, "Topic already has 2 partition(s)."),
            (
                "foo",
                1,
                null,
                ErrorCode.InvalidPartitions,
                "The topic foo currently has 2 partition(s); 1 would not be an increase."
            ),
            ("nope", 2, null, ErrorCode.UnknownTopicOrPartition, null),
            (
                "foo",
                4,
                [
                    [1],
                ],
                ErrorCode.InvalidReplicaAssignment,
                "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified."
            ),
            (
                "foo",
                3,
                [
                    [7],
                ],
                ErrorCode.InvalidReplicaAssignment,
                Unknown
            ),
            (
                "foo",
                3,
                [
                    [1],
                ],
                ErrorCode.None,
                null
            ),
            ("foo", 5, null, ErrorCode.None, null),
        ];
        foreach ((string name, int count, int[][]? by, ErrorCode code, string? message) in cases)
        {
            ControlPlan<CreatePartitionsResponse> plan = PartitionControl.Create(
                image,
                Facts,
                new CreatePartitionsRequest
                {
                    Topics =
                    [
                        new CreatePartitionsRequest.CreatePartitionsTopic
                        {
                            Name = name,
                            Count = count,
                            Assignments = by is null
                                ? null
                                :
                                [
                                    .. by.Select(ids => new CreatePartitionsRequest.CreatePartitionsAssignment
                                    {
                                        BrokerIds = [.. ids],
                                    }),
                                ],
                        },
                    ],
                }
            );
            CreatePartitionsResponse.CreatePartitionsTopicResult result = Assert.Single(plan.Response.Results);
            Assert.Equal((code, message), ((ErrorCode)result.ErrorCode, result.ErrorMessage));
            MetadataImage after = Images.Replay(image, plan.Records);
            Assert.Equal(code == ErrorCode.None ? count : 2, after.Topic("foo")!.Partitions.Length);
        }
    }

    [Fact]
    public void Topics_are_deleted_by_name_or_id()
    {
        MetadataImage image = Create(One, Topic("a"), Topic("b")).Image;
        KafkaUuid b = image.Topic("b")!.Id;
        ControlPlan<DeleteTopicsResponse> plan = TopicControl.Delete(
            image,
            Facts,
            new DeleteTopicsRequest
            {
                Topics =
                [
                    new DeleteTopicsRequest.DeleteTopicState { Name = "a" },
                    new DeleteTopicsRequest.DeleteTopicState { TopicId = b },
                    new DeleteTopicsRequest.DeleteTopicState { Name = "nope" },
                    new DeleteTopicsRequest.DeleteTopicState { TopicId = new KafkaUuid(8, 8) },
                    new DeleteTopicsRequest.DeleteTopicState(),
                    new DeleteTopicsRequest.DeleteTopicState { Name = "a", TopicId = b },
                ],
            },
            6
        );
        Assert.Equal(
            [
                ErrorCode.None,
                ErrorCode.None,
                ErrorCode.UnknownTopicOrPartition,
                ErrorCode.UnknownTopicId,
                ErrorCode.InvalidRequest,
                ErrorCode.InvalidRequest,
            ],
            plan.Response.Responses.Select(result => (ErrorCode)result.ErrorCode)
        );
        Assert.Equal("b", plan.Response.Responses[1].Name);
        Assert.Equal(0, Images.Replay(image, plan.Records).TopicCount);
    }
}
