using Aot.Broker.Harness;
using Aot.Broker.Interop.Tests.Directories;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>
/// The same requests about replicas, leaders, producers and log directories to Apache Kafka and to us: the answers have to
/// be the same, codes and sentences alike.
/// </summary>
public sealed class AdminAnswersTests(ITestOutputHelper output)
{
    private const string Topic = "admin";
    private const int Missing = 9;

    [Fact]
    public void A_single_node_answers_as_Apache_Kafka_does()
    {
        using JavaProcess? java = JavaProcess.Start(output);
        if (java is null)
        {
            return;
        }
        using SharedDirectory theirs = new();
        using SharedDirectory ours = new();
        java.Run("format", theirs.ConfigFile, SharedDirectory.ClusterId);
        java.Run("start", theirs.ConfigFile);
        using BrokerProcess broker = ours.StartBroker();

        Answers.MustEqual(AskAll(theirs), AskAll(ours));
    }

    /// <summary>Every answer as JSON, by what was asked.</summary>
    private static Dictionary<string, string> AskAll(SharedDirectory directory)
    {
        using Answers answers = new(directory);
        CreateTopicsRequest create = new()
        {
            Topics =
            [
                new()
                {
                    Name = Topic,
                    NumPartitions = 2,
                    ReplicationFactor = 1,
                },
            ],
            TimeoutMs = 30_000,
        };
        answers.Ask<CreateTopicsResponse>(ApiKey.CreateTopics, 7, create, CreateTopicsResponse.TryRead);
        Until.Holds(
            () =>
                answers
                    .Ask<DescribeLogDirsResponse>(
                        ApiKey.DescribeLogDirs,
                        4,
                        new DescribeLogDirsRequest { Topics = null },
                        DescribeLogDirsResponse.TryRead
                    )
                    .Results.Sum(result => result.Topics.Sum(topic => topic.Partitions.Count)) == 2,
            "the log directories show the two partitions",
            TimeSpan.FromSeconds(15)
        );
        AskLogDirectories();
        AskElections();
        AskReassignments();
        AskProducers();
        AskCordoned();
        return answers.All;

        void AskCordoned()
        {
            IncrementalAlterConfigsRequest request = new()
            {
                Resources =
                [
                    new()
                    {
                        ResourceType = 4,
                        ResourceName = "1",
                        Configs = [new() { Name = "cordoned.log.dirs", Value = "*" }],
                    },
                ],
            };
            answers.Keep<IncrementalAlterConfigsResponse>(
                "cordon",
                ApiKey.IncrementalAlterConfigs,
                1,
                request,
                IncrementalAlterConfigsResponse.TryRead
            );
            Until.Holds(
                () =>
                    answers
                        .Ask<DescribeLogDirsResponse>(
                            ApiKey.DescribeLogDirs,
                            5,
                            new DescribeLogDirsRequest { Topics = null },
                            DescribeLogDirsResponse.TryRead
                        )
                        .Results.TrueForAll(result => result.IsCordoned),
                "every log directory is cordoned",
                TimeSpan.FromSeconds(15)
            );
        }

        void AskLogDirectories()
        {
            (string What, DescribeLogDirsRequest Request)[] asked =
            [
                ("all", new() { Topics = null }),
                ("none", new() { Topics = [] }),
                ("one", new() { Topics = [new() { Topic = Topic, Partitions = [1] }] }),
                (
                    "missing",
                    new()
                    {
                        Topics =
                        [
                            new() { Topic = "absent", Partitions = [0] },
                            new() { Topic = Topic, Partitions = [Missing] },
                        ],
                    }
                ),
            ];
            for (
                short version = DescribeLogDirsRequest.LowestVersion;
                version <= DescribeLogDirsRequest.HighestVersion;
                version++
            )
            {
                foreach ((string what, DescribeLogDirsRequest request) in asked)
                {
                    DescribeLogDirsResponse answer = answers.Ask<DescribeLogDirsResponse>(
                        ApiKey.DescribeLogDirs,
                        version,
                        request,
                        DescribeLogDirsResponse.TryRead
                    );
                    foreach (DescribeLogDirsResponse.DescribeLogDirsResult result in answer.Results)
                    {
                        Assert.StartsWith(directory.Beside("data"), result.LogDir);
                        result.LogDir = "";
                        result.TotalBytes = Math.Sign(result.TotalBytes);
                        result.UsableBytes = Math.Sign(result.UsableBytes);
                        foreach (DescribeLogDirsResponse.DescribeLogDirsTopic topic in result.Topics)
                        {
                            topic.Partitions.Sort((a, b) => a.PartitionIndex.CompareTo(b.PartitionIndex));
                        }
                    }
                    answers.Keep(what, ApiKey.DescribeLogDirs, version, answer);
                }
            }
        }

        void AskElections()
        {
            foreach (short version in (short[])[0, 1, 2])
            {
                foreach (sbyte type in version == 0 ? (sbyte[])[0] : [0, 1, 5])
                {
                    Elect(version, type, "all", null);
                    Elect(version, type, "none", []);
                    Elect(version, type, "one", [new() { Topic = Topic, Partitions = [0, 1] }]);
                    Elect(version, type, "missing", [new() { Topic = Topic, Partitions = [Missing] }]);
                    Elect(version, type, "absent", [new() { Topic = "absent", Partitions = [0] }]);
                }
            }
        }

        void Elect(short version, sbyte type, string what, List<ElectLeadersRequest.TopicPartitionsData>? partitions) =>
            answers.Keep<ElectLeadersResponse>(
                $"type {type} {what}",
                ApiKey.ElectLeaders,
                version,
                new ElectLeadersRequest { ElectionType = type, TopicPartitions = partitions },
                ElectLeadersResponse.TryRead
            );

        void AskReassignments()
        {
            foreach (short version in (short[])[0, 1])
            {
                (string What, string Name, int Partition, List<int>? Replicas)[] asked =
                [
                    ("same", Topic, 0, [1]),
                    ("cancel", Topic, 0, null),
                    ("missing partition", Topic, Missing, [1]),
                    ("missing topic", "absent", 0, [1]),
                    ("cancel missing", "absent", 0, null),
                    ("no replicas", Topic, 0, []),
                    ("unknown broker", Topic, 0, [7]),
                    ("one more", Topic, 0, [1, 7]),
                    ("twice", Topic, 0, [1, 1]),
                    ("negative", Topic, 0, [-1]),
                ];
                foreach ((string what, string name, int partition, List<int>? replicas) in asked)
                {
                    foreach (bool mayChange in version == 0 ? (bool[])[true] : [true, false])
                    {
                        answers.Keep<AlterPartitionReassignmentsResponse>(
                            $"{what} {mayChange}",
                            ApiKey.AlterPartitionReassignments,
                            version,
                            new AlterPartitionReassignmentsRequest
                            {
                                AllowReplicationFactorChange = mayChange,
                                Topics =
                                [
                                    new()
                                    {
                                        Name = name,
                                        Partitions = [new() { PartitionIndex = partition, Replicas = replicas }],
                                    },
                                ],
                            },
                            AlterPartitionReassignmentsResponse.TryRead
                        );
                    }
                }
            }
            (string, List<ListPartitionReassignmentsRequest.ListPartitionReassignmentsTopics>?)[] lists =
            [
                ("all", null),
                ("none", []),
                ("one", [new() { Name = Topic, PartitionIndexes = [0] }]),
                (
                    "missing",
                    [
                        new() { Name = Topic, PartitionIndexes = [Missing] },
                        new() { Name = "absent", PartitionIndexes = [0] },
                    ]
                ),
            ];
            foreach (
                (string what, List<ListPartitionReassignmentsRequest.ListPartitionReassignmentsTopics>? topics) in lists
            )
            {
                answers.Keep<ListPartitionReassignmentsResponse>(
                    what,
                    ApiKey.ListPartitionReassignments,
                    0,
                    new ListPartitionReassignmentsRequest { Topics = topics },
                    ListPartitionReassignmentsResponse.TryRead
                );
            }
        }

        void AskProducers()
        {
            foreach ((string name, int partition) in ((string, int)[])[(Topic, 0), (Topic, Missing), ("absent", 0)])
            {
                answers.Keep<DescribeProducersResponse>(
                    $"{name}-{partition}",
                    ApiKey.DescribeProducers,
                    0,
                    new DescribeProducersRequest { Topics = [new() { Name = name, PartitionIndexes = [partition] }] },
                    DescribeProducersResponse.TryRead
                );
            }
        }
    }
}
