using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using static Aot.Broker.Cluster.Tests.Plans;

namespace Aot.Broker.Cluster.Tests;

/// <summary>Features, credentials, elections and moves, in the words that Apache Kafka 4.4 uses.</summary>
public sealed class ControlTests
{
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
            Facts,
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

    [Theory]
    [InlineData(0, 1, 1, null)]
    [InlineData(1, 1, 1, null)]
    [InlineData(1, 1, 2, null)]
    [InlineData(0, 0, 3, null)]
    [InlineData(
        0,
        2,
        1,
        "Invalid update version 2 for feature kraft.version. Local controller 1 only supports versions 0-1"
    )]
    [InlineData(0, 1, 2, "Invalid update version 1 for feature kraft.version. Can't downgrade to a newer version.")]
    [InlineData(
        1,
        0,
        1,
        "Invalid update version 0 for feature kraft.version. Can't downgrade the version of this feature without "
            + "setting the upgrade type to either safe or unsafe downgrade."
    )]
    [InlineData(
        1,
        0,
        3,
        "Invalid update version 0 for feature kraft.version. Can't downgrade the version of this feature."
    )]
    public void The_quorum_takes_its_voters_into_the_log_and_never_out(
        short current,
        short level,
        sbyte direction,
        string? message
    )
    {
        UpdateFeaturesRequest.FeatureUpdateKey update = new()
        {
            Feature = Features.KRaftVersion,
            MaxVersionLevel = level,
            UpgradeType = direction,
        };
        UpdateFeaturesRequest request = new() { FeatureUpdates = [update] };
        MetadataImage image = One with { KRaftVersion = current };
        ControlPlan<UpdateFeaturesResponse> plan = FeatureControl.Update(image, Facts, request, 2);
        Assert.Empty(plan.Records);
        Assert.Equal(message is null && level > current, plan.Voters is not null);
        Assert.Equal(
            message is null
                ? null
                : "The update failed for all features since the following feature had an error: " + message,
            plan.Response.ErrorMessage
        );
        request.ValidateOnly = true;
        Assert.Null(FeatureControl.Update(image, Facts, request, 2).Voters);
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
        // Asked for all, it names every topic, and of the partitions only those with something to say.
        ElectLeadersRequest all = new() { TopicPartitions = null };
        Assert.All(
            PartitionControl.Elect(image, all, 2).Response.ReplicaElectionResults,
            topic => Assert.Empty(topic.PartitionResult)
        );
        all.ElectionType = 5;
        Assert.Equal((short)ErrorCode.InvalidRequest, PartitionControl.Elect(image, all, 2).Response.ErrorCode);
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
