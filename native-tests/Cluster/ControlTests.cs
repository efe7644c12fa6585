using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster.Tests;

/// <summary>What the controller accepts and refuses, in the words that Apache Kafka 4.4 uses.</summary>
public sealed class ControlTests
{
    private const string Unknown =
        "The manual partition assignment includes broker 7, but no such broker is registered.";

    private static readonly ControlFacts s_facts = new()
    {
        NodeId = 1,
        StartedWith = ConfigValues.ForBroker(new Dictionary<string, string>()),
        Random = new Random(1).NextInt64ToUlong,
    };

    private static MetadataImage Cluster(params (int Id, string? Rack, bool Fenced)[] brokers)
    {
        List<MetadataRecord> records = [];
        records.AddRange(FeatureSelection.Select(null, [], false, out _, out _)!);
        foreach ((int id, string? rack, bool fenced) in brokers)
        {
            BrokerImage broker = new()
            {
                Id = id,
                Epoch = id,
                IncarnationId = new KafkaUuid(1, (ulong)id),
                EndPoints = [],
                Features = Features.Supported,
                Rack = rack,
                Fenced = fenced,
                Directories = [new KafkaUuid(200, (ulong)id)],
                CordonedDirectories = [],
            };
            records.Add(ImageRecords.OfBroker(broker, MetadataVersions.Latest));
        }
        return Images.Replay(MetadataImage.Empty, records);
    }

    private static MetadataImage One => Cluster((1, null, false));

    private static CreateTopicsRequest.CreatableTopic Topic(
        string name,
        int partitions = 1,
        short factor = 1,
        params (string, string?)[] configs
    ) =>
        new()
        {
            Name = name,
            NumPartitions = partitions,
            ReplicationFactor = factor,
            Assignments = [],
            Configs =
            [
                .. configs.Select(pair => new CreateTopicsRequest.CreatableTopicConfig
                {
                    Name = pair.Item1,
                    Value = pair.Item2,
                }),
            ],
        };

    private static CreateTopicsRequest.CreatableTopic Assigned(
        string name,
        params (int Partition, int[] Brokers)[] by
    ) =>
        new()
        {
            Name = name,
            NumPartitions = -1,
            ReplicationFactor = -1,
            Configs = [],
            Assignments =
            [
                .. by.Select(one => new CreateTopicsRequest.CreatableReplicaAssignment
                {
                    PartitionIndex = one.Partition,
                    BrokerIds = [.. one.Brokers],
                }),
            ],
        };

    private static (MetadataImage Image, CreateTopicsResponse Response) Create(
        MetadataImage image,
        params CreateTopicsRequest.CreatableTopic[] topics
    )
    {
        ControlPlan<CreateTopicsResponse> plan = TopicControl.Create(
            image,
            s_facts,
            new CreateTopicsRequest { Topics = [.. topics] }
        );
        return (Images.Replay(image, plan.Records), plan.Response);
    }

    private static (ErrorCode Code, string? Message) CreateError(
        MetadataImage image,
        CreateTopicsRequest.CreatableTopic topic
    )
    {
        CreateTopicsResponse.CreatableTopicResult result = Create(image, topic).Response.Topics[0];
        return ((ErrorCode)result.ErrorCode, result.ErrorMessage);
    }

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
            s_facts,
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
        MetadataImage two = Cluster((1, null, false), (2, null, false));
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
        MetadataImage image = Cluster(
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
        Assert.Equal(ErrorCode.InvalidReplicationFactor, CreateError(Cluster((1, null, true)), Topic("t")).Code);
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
                s_facts,
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
            s_facts,
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
            s_facts,
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
            s_facts,
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

    [Theory]
    [InlineData(
        "foo.bar",
        1,
        1,
        "Invalid update version 1 for feature foo.bar. Local controller 1 does not support this feature."
    )]
    [InlineData(
        "metadata.version",
        99,
        1,
        "Invalid update version 99 for feature metadata.version. Local controller 1 only supports versions 7-33"
    )]
    [InlineData(
        "metadata.version",
        30,
        1,
        "Invalid update version 30 for feature metadata.version. Can't downgrade the version of this feature without "
            + "setting the upgrade type to either safe or unsafe downgrade."
    )]
    [InlineData(
        "metadata.version",
        30,
        2,
        "Unsupported metadata.version downgrade from 33 to 30. Refusing to perform the requested downgrade because it "
            + "might delete metadata information."
    )]
    [InlineData(
        "metadata.version",
        30,
        3,
        "Unsupported metadata.version downgrade from 33 to 30. Unsafe metadata downgrade is not supported in this version."
    )]
    [InlineData("transaction.version", 1, 2, null)]
    [InlineData("group.version", 0, 2, null)]
    public void Features_move_within_their_levels(string name, int level, int direction, string? message)
    {
        ControlPlan<UpdateFeaturesResponse> plan = FeatureControl.Update(
            One,
            s_facts,
            new UpdateFeaturesRequest
            {
                FeatureUpdates =
                [
                    new UpdateFeaturesRequest.FeatureUpdateKey
                    {
                        Feature = name,
                        MaxVersionLevel = (short)level,
                        UpgradeType = (sbyte)direction,
                    },
                ],
            },
            2
        );
        if (message is null)
        {
            Assert.Equal(0, plan.Response.ErrorCode);
            Assert.Equal(level, Images.Replay(One, plan.Records).Features.Level(name));
            return;
        }
        Assert.Empty(plan.Records);
        Assert.Equal(
            "The update failed for all features since the following feature had an error: " + message,
            plan.Response.ErrorMessage
        );
    }

    [Fact]
    public void Scram_credentials_hold_the_keys_of_the_specification()
    {
        // The example of RFC 7677: user "user", password "pencil", 4096 iterations.
        byte[] salt = Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ==");
        byte[] salted = System.Security.Cryptography.Rfc2898DeriveBytes.Pbkdf2(
            "pencil",
            salt,
            4096,
            System.Security.Cryptography.HashAlgorithmName.SHA256,
            32
        );
        ScramCredentialImage credential = ScramControl.CredentialOf(1, salt, salted, 4096);
        Assert.Equal("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=", Convert.ToBase64String(credential.StoredKey));
        Assert.Equal("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", Convert.ToBase64String(credential.ServerKey));
    }

    [Fact]
    public void Elections_and_moves_on_one_node_say_what_there_is_to_say()
    {
        MetadataImage image = Create(One, Topic("foo", 2)).Image;
        ElectLeadersResponse elected = PartitionControl
            .Elect(
                image,
                new ElectLeadersRequest
                {
                    TopicPartitions =
                    [
                        new ElectLeadersRequest.TopicPartitionsData { Topic = "foo", Partitions = [0, 99] },
                        new ElectLeadersRequest.TopicPartitionsData { Topic = "nope", Partitions = [0] },
                    ],
                },
                2
            )
            .Response;
        Assert.Equal(
            [ErrorCode.ElectionNotNeeded, ErrorCode.UnknownTopicOrPartition, ErrorCode.UnknownTopicOrPartition],
            elected.ReplicaElectionResults.SelectMany(topic =>
                topic.PartitionResult.Select(one => (ErrorCode)one.ErrorCode)
            )
        );
        Assert.Empty(
            PartitionControl
                .Elect(image, new ElectLeadersRequest { TopicPartitions = null }, 2)
                .Response.ReplicaElectionResults
        );
        (int[]? Target, ErrorCode Code)[] moves =
        [
            (null, ErrorCode.NoReassignmentInProgress),
            ([7], ErrorCode.InvalidReplicaAssignment),
            ([1], ErrorCode.None),
        ];
        foreach ((int[]? target, ErrorCode code) in moves)
        {
            ControlPlan<AlterPartitionReassignmentsResponse> plan = ReassignmentControl.Alter(
                image,
                new AlterPartitionReassignmentsRequest
                {
                    Topics =
                    [
                        new AlterPartitionReassignmentsRequest.ReassignableTopic
                        {
                            Name = "foo",
                            Partitions =
                            [
                                new AlterPartitionReassignmentsRequest.ReassignablePartition
                                {
                                    PartitionIndex = 0,
                                    Replicas = target is null ? null : [.. target],
                                },
                            ],
                        },
                    ],
                }
            );
            Assert.Equal(code, (ErrorCode)plan.Response.Responses[0].Partitions[0].ErrorCode);
            Assert.Empty(plan.Records);
        }
    }

    [Fact]
    public void A_partition_without_leader_gets_one_when_its_only_replica_comes_back()
    {
        MetadataImage image = Create(One, Topic("foo")).Image;
        MetadataImage left = Images.Replay(
            image,
            [
                new MetadataRecord(
                    new PartitionChangeRecord
                    {
                        PartitionId = 0,
                        TopicId = image.Topic("foo")!.Id,
                        Leader = -1,
                        Isr = [],
                        EligibleLeaderReplicas = [1],
                        LastKnownElr = [1],
                    },
                    2
                ),
            ]
        );
        MetadataImage back = Images.Replay(
            left,
            BrokerControl.Register(left, left.Broker(1)!, epoch: 100, wasCleanShutdown: false)
        );
        PartitionImage partition = back.Topic("foo")!.Partitions[0];
        Assert.Equal((1, 2), (partition.Leader, partition.LeaderEpoch));
        Assert.Equal([1], partition.Isr);
        Assert.Empty(partition.Elr);
        Assert.Equal(100, back.Broker(1)!.Epoch);
        Assert.True(back.Broker(1)!.IsActive);
    }
}

internal static class RandomNumbers
{
    public static ulong NextInt64ToUlong(this Random random) => (ulong)random.NextInt64();
}
