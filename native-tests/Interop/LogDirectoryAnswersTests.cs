using Aot.Broker.Harness;
using Aot.Broker.Interop.Tests.Directories;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>
/// What Apache Kafka and we answer about several log directories, one of which is broken, and about a partition that is on
/// its way from one to the other.
/// </summary>
[Trait("Io", "once")]
public sealed class LogDirectoryAnswersTests(ITestOutputHelper output)
{
    private const string Topic = "moving";

    /// <summary>More than goes into the first piece of a copy; at a kilobyte a second the rest does not come.</summary>
    private const int Batches = 6;
    private const int BatchBytes = 900_000;

    /// <summary>With a directory offline Apache Kafka begins no move at all, so the two are not together.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_directory_that_is_offline_or_a_copy_under_way_is_shown_as_by_Apache_Kafka(bool isOffline)
    {
        using JavaProcess? java = JavaProcess.Start(output);
        if (java is null)
        {
            return;
        }
        using SharedDirectory theirs = Make(java, isOffline);
        using SharedDirectory ours = Make(java, isOffline);
        java.Run("start", theirs.ConfigFile);
        using BrokerProcess broker = ours.StartBroker();
        Answers.MustEqual(AskAll(theirs, isOffline), AskAll(ours, isOffline));
    }

    /// <summary>Formatted when all directories were well; a file may take the place of the last one afterwards.</summary>
    private static SharedDirectory Make(JavaProcess java, bool isOffline)
    {
        SharedDirectory directory = new(directories: isOffline ? 3 : 2);
        java.Run("format", directory.ConfigFile, SharedDirectory.ClusterId);
        if (isOffline)
        {
            Directory.Delete(directory.LogDirs[2], recursive: true);
            File.WriteAllText(directory.LogDirs[2], "");
        }
        return directory;
    }

    private static Dictionary<string, string> AskAll(SharedDirectory directory, bool isOffline)
    {
        using Answers answers = new(directory);
        CreateTopicsRequest create = new()
        {
            Topics =
            [
                new()
                {
                    Name = Topic,
                    NumPartitions = 1,
                    ReplicationFactor = 1,
                },
            ],
            TimeoutMs = 30_000,
        };
        answers.Ask<CreateTopicsResponse>(ApiKey.CreateTopics, 7, create, CreateTopicsResponse.TryRead);
        string[] dirs = directory.LogDirs;
        string home = "";
        Until.Holds(() => (home = HomeOf(answers, isFuture: false)) != "", "the partition is in a log directory");
        string other = home == dirs[0] ? dirs[1] : dirs[0];
        string third = isOffline ? dirs[2] : "/elsewhere";
        SlowMovesDown(answers);
        for (int i = 0; i < Batches; i++)
        {
            Produce(answers);
        }
        Describe("at rest");
        Move("third", third, Topic, 0);
        Move("nowhere", "/nowhere", Topic, 0);
        Move("relative", "nowhere", Topic, 0);
        Move("same", home, Topic, 0);
        Move("missing partition", other, Topic, 7);
        Move("missing topic", other, "absent", 0);
        if (isOffline)
        {
            return answers.All;
        }
        Move("other", other, Topic, 0);
        Until.Holds(() => HomeOf(answers, isFuture: true) == other, "the copy is under way");
        Describe("under way");
        Move("again", other, Topic, 0);
        Describe("still under way");
        Move("back", home, Topic, 0);
        Until.Holds(() => HomeOf(answers, isFuture: true) == "", "there is no copy");
        Describe("given up");
        return answers.All;

        void Move(string what, string path, string topic, int partition)
        {
            for (short version = 1; version <= 2; version++)
            {
                AlterReplicaLogDirsRequest request = new()
                {
                    Dirs = [new() { Path = path, Topics = [new() { Name = topic, Partitions = [partition] }] }],
                };
                answers.Keep<AlterReplicaLogDirsResponse>(
                    what,
                    ApiKey.AlterReplicaLogDirs,
                    version,
                    request,
                    AlterReplicaLogDirsResponse.TryRead
                );
            }
        }

        void Describe(string what)
        {
            for (
                short version = DescribeLogDirsRequest.LowestVersion;
                version <= DescribeLogDirsRequest.HighestVersion;
                version++
            )
            {
                DescribeLogDirsResponse answer = DescribeAll(answers, version);
                foreach (DescribeLogDirsResponse.DescribeLogDirsResult result in answer.Results)
                {
                    result.LogDir =
                        result.LogDir == home ? "home"
                        : result.LogDir == other ? "other"
                        : $"{Array.IndexOf(dirs, result.LogDir)}";
                    result.TotalBytes = Math.Sign(result.TotalBytes);
                    result.UsableBytes = Math.Sign(result.UsableBytes);
                    foreach (
                        DescribeLogDirsResponse.DescribeLogDirsPartition copy in result
                            .Topics.SelectMany(topic => topic.Partitions)
                            .Where(partition => partition.IsFutureKey)
                    )
                    {
                        // How far it is at this moment depends on the clock.
                        copy.OffsetLag = Math.Sign(copy.OffsetLag);
                        copy.PartitionSize = 0;
                    }
                }
                answer.Results.Sort((a, b) => string.CompareOrdinal(a.LogDir, b.LogDir));
                answers.Keep(what, ApiKey.DescribeLogDirs, version, answer);
            }
        }
    }

    private static DescribeLogDirsResponse DescribeAll(Answers answers, short version) =>
        answers.Ask<DescribeLogDirsResponse>(
            ApiKey.DescribeLogDirs,
            version,
            new DescribeLogDirsRequest { Topics = null },
            DescribeLogDirsResponse.TryRead
        );

    private static string HomeOf(Answers answers, bool isFuture) =>
        DescribeAll(answers, 4)
            .Results.Find(result =>
                result.Topics.Exists(topic =>
                    topic.Name == Topic && topic.Partitions.Exists(partition => partition.IsFutureKey == isFuture)
                )
            )
            ?.LogDir
        ?? "";

    private static void SlowMovesDown(Answers answers) =>
        answers.Ask<IncrementalAlterConfigsResponse>(
            ApiKey.IncrementalAlterConfigs,
            1,
            new IncrementalAlterConfigsRequest
            {
                Resources =
                [
                    new()
                    {
                        ResourceType = 4,
                        ResourceName = "1",
                        Configs = [new() { Name = "replica.alter.log.dirs.io.max.bytes.per.second", Value = "1000" }],
                    },
                ],
            },
            IncrementalAlterConfigsResponse.TryRead
        );

    private static void Produce(Answers answers)
    {
        RecordBatchBuilder builder = new();
        builder.Append(1_700_000_000_000, NullableBytes.Null, new byte[BatchBytes]);
        byte[] batch = builder.ToArray();
        ProduceRequest request = new()
        {
            Acks = -1,
            TimeoutMs = 30_000,
            TopicData = [new() { Name = Topic, PartitionData = [new() { Index = 0, Records = batch }] }],
        };
        ErrorCode error = ErrorCode.NotLeaderOrFollower;
        Until.Holds(
            () =>
                (
                    error = (ErrorCode)
                        answers
                            .Ask<ProduceResponse>(ApiKey.Produce, 12, request, ProduceResponse.TryRead)
                            .Responses[0]
                            .PartitionResponses[0]
                            .ErrorCode
                ) == ErrorCode.None,
            $"the partition takes records: {error}"
        );
    }
}
