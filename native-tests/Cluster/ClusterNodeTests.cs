using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Cluster.Tests;

public sealed class ClusterNodeTests
{
    private static CreateTopicsRequest Topic(string name, int partitions) =>
        new()
        {
            Topics =
            [
                new CreateTopicsRequest.CreatableTopic
                {
                    Name = name,
                    NumPartitions = partitions,
                    ReplicationFactor = 1,
                    Assignments = [],
                    Configs = [],
                },
            ],
        };

    private static IncrementalAlterConfigsRequest Setting(ConfigResource resource, string name, string value) =>
        new()
        {
            Resources =
            [
                new IncrementalAlterConfigsRequest.AlterConfigsResource
                {
                    ResourceType = (sbyte)resource.Type,
                    ResourceName = resource.Name,
                    Configs =
                    [
                        new IncrementalAlterConfigsRequest.AlterableConfig
                        {
                            Name = name,
                            ConfigOperation = 0,
                            Value = value,
                        },
                    ],
                },
            ],
        };

    [Fact]
    public async Task An_empty_directory_becomes_a_cluster_of_one()
    {
        await using NodeRig rig = new();
        await rig.StartAsync();
        for (int core = 0; core < rig.CoreCount; core++)
        {
            MetadataImage image = await rig.ImageOf(core);
            BrokerImage broker = Assert.Single(image.Brokers);
            Assert.True(broker.IsActive);
            Assert.Equal("r1", broker.Rack);
            Assert.Equal(9092, broker.EndPoint("PLAINTEXT")!.Port);
            Assert.Equal(MetadataVersions.Latest, image.Features.MetadataVersion);
            Assert.Equal(2, image.Features.Level(Features.ShareVersion));
            Assert.Equal("1", image.Configs.Value(ConfigResource.AllBrokers, "min.insync.replicas"));
            Assert.Equal(rig.Node.ClusterId, image.ClusterId);
            Assert.Equal(1, image.ControllerId);
            Assert.Single(image.Controllers);
            Assert.Equal(broker.Epoch, rig.Node.BrokerEpoch);
        }
        Assert.True(File.Exists(Path.Combine(rig.Paths[0], "meta.properties")));
        Assert.True(File.Exists(Path.Combine(rig.MetadataLog, "quorum-state")));
        Assert.True(File.Exists(Path.Combine(rig.MetadataLog, "00000000000000000000-0000000000.checkpoint")));
        Assert.Empty(rig.Fatal);
    }

    [Fact]
    public async Task A_start_that_stopped_while_formatting_is_done_again()
    {
        await using NodeRig rig = new();
        Directory.CreateDirectory(rig.MetadataLog);
        await File.WriteAllBytesAsync(Path.Combine(rig.MetadataLog, SnapshotFile.Bootstrap.FileName), []);
        await rig.StartAsync();
        Assert.Equal(MetadataVersions.Latest, (await rig.ImageOf(0)).Features.MetadataVersion);
        await rig.StopAsync(clean: false);
        File.Delete(Path.Combine(rig.MetadataLog, "00000000000000000000.log"));
        File.Delete(Path.Combine(rig.MetadataLog, "leader-epoch-checkpoint"));
        await File.WriteAllBytesAsync(Path.Combine(rig.MetadataLog, SnapshotFile.Bootstrap.FileName), []);
        await File.WriteAllBytesAsync(Path.Combine(rig.MetadataLog, QuorumState.FileName), []);
        await rig.StartAsync();
        Assert.Equal(MetadataVersions.Latest, (await rig.ImageOf(0)).Features.MetadataVersion);
    }

    [Fact]
    public async Task A_created_topic_has_its_logs_open_on_every_core_before_the_answer()
    {
        await using NodeRig rig = new();
        await rig.StartAsync();
        for (int n = 0; n < 20; n++)
        {
            int caller = n % rig.CoreCount;
            int missing = await rig.OnCore(
                caller,
                async core =>
                {
                    CreateTopicsResponse response = await rig.Node.Controller.CreateTopicsAsync(
                        core,
                        Topic("t" + n, 4)
                    );
                    Assert.Equal(0, response.Topics[0].ErrorCode);
                    Assert.Same(core, Core.Current);
                    TopicImage topic = ClusterNode.Image(core).Topic("t" + n)!;
                    int count = 0;
                    for (int i = 0; i < 4; i++)
                    {
                        int partition = i;
                        CoreIndex owner = PartitionPlacement.CoreOf(topic.Id, i, core.CoreCount);
                        count += await core.CallAsync(
                            owner,
                            other =>
                            {
                                PartitionLog? log = other.Get<LogSet>().Find(topic.Id, partition);
                                return ValueTask.FromResult(log is { LeaderEpoch: 0 } ? 0 : 1);
                            }
                        );
                    }
                    return count;
                }
            );
            Assert.Equal(0, missing);
        }
        Assert.Equal(20, (await rig.ImageOf(1)).TopicCount);
        Assert.Empty(rig.Fatal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_restart_keeps_everything(bool clean)
    {
        await using NodeRig rig = new();
        await rig.StartAsync();
        string clusterId = rig.Node.ClusterId;
        await rig.OnCore(
            1,
            async core =>
            {
                await rig.Node.Controller.CreateTopicsAsync(core, Topic("kept", 3));
                await rig.Node.Controller.CreateTopicsAsync(core, Topic("gone", 3));
                await rig.Node.Controller.CreateTopicsAsync(core, Topic(TopicImage.GroupMetadataTopic, 2));
                await rig.Node.Controller.IncrementalAlterConfigsAsync(
                    core,
                    Setting(ConfigResource.Topic("kept"), "retention.ms", "1234")
                );
                await rig.Node.Controller.DeleteTopicsAsync(
                    core,
                    new DeleteTopicsRequest { Topics = [new DeleteTopicsRequest.DeleteTopicState { Name = "gone" }] },
                    6
                );
                (long first, int count) = await rig.Node.Controller.AllocateProducerIdsAsync(core);
                Assert.Equal((0L, 1000), (first, count));
                return 0;
            }
        );
        MetadataImage before = await rig.ImageOf(0);
        long epochBefore = rig.Node.Epoch;
        await rig.StopAsync(clean);
        await rig.StartAsync();
        MetadataImage after = await rig.ImageOf(1);
        Assert.Equal(clusterId, rig.Node.ClusterId);
        Assert.Equal(epochBefore + 1, rig.Node.Epoch);
        Assert.Equal(before.Topic("kept")!.Id, after.Topic("kept")!.Id);
        Assert.Null(after.Topic("gone"));
        Assert.Equal("1234", after.Configs.Value(ConfigResource.Topic("kept"), "retention.ms"));
        Assert.Equal(1000, after.NextProducerId);
        Assert.True(after.Offset > before.Offset);
        Assert.All(after.Topic("kept")!.Partitions, partition => Assert.Equal(1, partition.Leader));
        // Only after an unclean stop could a reader have seen what the log does not have any more.
        Assert.All(after.Topic("kept")!.Partitions, partition => Assert.Equal(clean ? 0 : 1, partition.LeaderEpoch));
        // A clean stop gave them up, and the start has taken them again.
        PartitionImage[] ofGroups = after.Topic(TopicImage.GroupMetadataTopic)!.Partitions;
        Assert.All(ofGroups, partition => Assert.Equal((1, clean ? 2 : 1), (partition.Leader, partition.LeaderEpoch)));
        long retention = await rig.OnCore(
            PartitionPlacement.CoreOf(after.Topic("kept")!.Id, 0, rig.CoreCount).Value,
            core => Task.FromResult(core.Get<LogSet>().Find("kept", 0)!.Config.RetentionMs)
        );
        Assert.Equal(1234, retention);
        (long next, _) = await rig.OnCore(0, rig.Node.Controller.AllocateProducerIdsAsync);
        Assert.Equal(1000, next);
        Assert.Empty(rig.Fatal);
    }

    [Fact]
    public async Task A_deleted_topic_closes_its_logs_and_its_directories_are_renamed()
    {
        await using NodeRig rig = new();
        await rig.StartAsync();
        await rig.OnCore(0, core => rig.Node.Controller.CreateTopicsAsync(core, Topic("t", 2)));
        Assert.True(Directory.Exists(Path.Combine(rig.Paths[0], "t-0")));
        DeleteTopicsResponse response = await rig.OnCore(
            0,
            core => rig.Node.Controller.DeleteTopicsAsync(core, new DeleteTopicsRequest { TopicNames = ["t"] }, 3)
        );
        Assert.Equal(0, response.Responses[0].ErrorCode);
        Assert.False(Directory.Exists(Path.Combine(rig.Paths[0], "t-0")));
        Assert.Null(await rig.OnCore(0, core => Task.FromResult(core.Get<LogSet>().Find("t", 0))));
        Assert.Null(await rig.OnCore(1, core => Task.FromResult(core.Get<LogSet>().Find("t", 1))));
    }

    [Fact]
    public async Task Concurrent_creations_of_one_name_give_one_topic_and_the_losers_see_it()
    {
        await using NodeRig rig = new();
        await rig.StartAsync();
        List<Task<short>> all = [];
        for (int i = 0; i < 32; i++)
        {
            all.Add(
                rig.OnCore(
                    i % rig.CoreCount,
                    async core =>
                    {
                        CreateTopicsResponse response = await rig.Node.Controller.CreateTopicsAsync(
                            core,
                            Topic("x", 1)
                        );
                        Assert.NotNull(ClusterNode.Image(core).Topic("x"));
                        return response.Topics[0].ErrorCode;
                    }
                )
            );
        }
        short[] codes = await Task.WhenAll(all);
        Assert.Equal(1, codes.Count(code => code == 0));
        Assert.Equal(31, codes.Count(code => code == (short)ErrorCode.TopicAlreadyExists));
    }

    [Fact]
    public async Task Changed_settings_reach_the_logs_and_the_views()
    {
        await using NodeRig rig = new();
        await rig.StartAsync();
        await rig.OnCore(0, core => rig.Node.Controller.CreateTopicsAsync(core, Topic("t", 2)));
        await rig.OnCore(
            1,
            core =>
                rig.Node.Controller.IncrementalAlterConfigsAsync(
                    core,
                    Setting(ConfigResource.AllBrokers, "log.retention.ms", "777000")
                )
        );
        for (int core = 0; core < rig.CoreCount; core++)
        {
            (long ofLogs, long ofView) = await rig.OnCore(
                core,
                self =>
                    Task.FromResult(
                        (
                            self.Get<LogSet>().All.First(log => log.Name.Topic == "t").Config.RetentionMs,
                            self.Get<MetadataView>().Settings.GetLong("log.retention.ms")
                        )
                    )
            );
            Assert.Equal((777000L, 777000L), (ofLogs, ofView));
        }
    }

    [Fact]
    public async Task Listeners_hear_of_every_image_in_order_before_it_is_visible()
    {
        Recorder recorder = new();
        await using NodeRig rig = new();
        await rig.StartAsync(listeners: [recorder]);
        for (int i = 0; i < 10; i++)
        {
            await rig.OnCore(i % 2, core => rig.Node.Controller.CreateTopicsAsync(core, Topic("t" + i, 1)));
        }
        foreach (List<(long Previous, long Current, long Visible)> seen in recorder.Seen)
        {
            Assert.Equal(11, seen.Count);
            Assert.Equal(-1, seen[0].Previous);
            for (int i = 1; i < seen.Count; i++)
            {
                Assert.Equal(seen[i - 1].Current, seen[i].Previous);
            }
            Assert.All(seen, one => Assert.Equal(one.Previous, one.Visible));
        }
    }

    private sealed class Recorder : IMetadataListener
    {
        public List<(long Previous, long Current, long Visible)>[] Seen { get; } =
        [
            [],
            [],
        ];

        public ValueTask OnImageAsync(Core core, MetadataImage previous, MetadataImage current, MetadataDelta delta)
        {
            Seen[core.Index.Value].Add((previous.Offset, current.Offset, ClusterNode.Image(core).Offset));
            return ValueTask.CompletedTask;
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    public async Task A_quorum_that_took_its_voter_into_the_log_keeps_it(int topics)
    {
        // With topics there is a snapshot behind the voters, and the start reads that alone.
        (string, string)[] settings = [("metadata.log.max.record.bytes.between.snapshots", "3000")];
        await using NodeRig rig = new(settings: settings);
        await rig.StartAsync();
        UpdateFeaturesResponse response = await rig.OnCore(1, core => RaiseAsync(rig, core));
        Assert.Equal(0, response.ErrorCode);
        await Check();
        for (int i = 0; i < topics; i++)
        {
            await rig.OnCore(0, core => rig.Node.Controller.CreateTopicsAsync(core, Topic("t" + i, 2)));
        }
        await rig.StopAsync();
        await rig.StartAsync();
        await Check();
        // A node that has moved says so to those who find it by its log.
        await rig.StopAsync();
        rig.ControllerPort = 9193;
        await rig.StartAsync();
        await Check();
        MetadataImage moved = await rig.ImageOf(0);
        await rig.StopAsync();
        MetadataImage read = ReadLog(rig);
        Assert.Equal(moved.Voters[0].EndPoints, read.Voters[0].EndPoints);
        Assert.Empty(rig.Fatal);

        async Task Check()
        {
            for (int core = 0; core < rig.CoreCount; core++)
            {
                MetadataImage image = await rig.ImageOf(core);
                Assert.Equal(1, image.KRaftVersion);
                VoterImage voter = Assert.Single(image.Voters);
                Assert.Equal((1, rig.Directories.All[0].Meta!.DirectoryId), (voter.Id, voter.DirectoryId));
                Assert.Equal(("CONTROLLER", rig.ControllerPort), (voter.EndPoints[0].Name, voter.EndPoints[0].Port));
                Assert.Equal((0, 1), (voter.KRaftVersionLowest, voter.KRaftVersionHighest));
            }
        }
    }

    /// <summary>The image of all that is in the log's segments, without any snapshot.</summary>
    private static MetadataImage ReadLog(NodeRig rig)
    {
        MetadataReplay replay = new(MetadataImage.Empty);
        foreach (string path in Directory.GetFiles(rig.MetadataLog, "*.log").Order(StringComparer.Ordinal))
        {
            replay.Replay(File.ReadAllBytes(path), path);
        }
        return replay.Finish();
    }

    private static Task<UpdateFeaturesResponse> RaiseAsync(NodeRig rig, Core core)
    {
        UpdateFeaturesRequest.FeatureUpdateKey update = new()
        {
            Feature = Features.KRaftVersion,
            MaxVersionLevel = 1,
            UpgradeType = 1,
        };
        UpdateFeaturesRequest request = new() { FeatureUpdates = [update] };
        return rig.Node.Controller.UpdateFeaturesAsync(core, request, 2);
    }

    [Fact]
    public async Task Snapshots_are_written_and_a_start_uses_the_newest()
    {
        (string, string)[] settings = [("metadata.log.max.record.bytes.between.snapshots", "3000")];
        await using NodeRig rig = new(settings: settings);
        await rig.StartAsync();
        for (int i = 0; i < 40; i++)
        {
            await rig.OnCore(0, core => rig.Node.Controller.CreateTopicsAsync(core, Topic("t" + i, 2)));
        }
        await rig.StopAsync();
        string[] snapshots =
        [
            .. Directory.GetFiles(rig.MetadataLog, "*.checkpoint").Select(path => Path.GetFileName(path)!).Order(),
        ];
        Assert.True(snapshots.Length >= 2, string.Join(' ', snapshots));
        Assert.True(SnapshotId.TryParse(snapshots[^1], out SnapshotId newest));
        Assert.True(newest.EndOffset > 0);
        await rig.StartAsync();
        Assert.Equal(40, (await rig.ImageOf(0)).TopicCount);

        // An unfinished snapshot is passed over.
        await rig.StopAsync();
        string path = Path.Combine(rig.MetadataLog, snapshots[^1]);
        byte[] bytes = await File.ReadAllBytesAsync(path);
        await File.WriteAllBytesAsync(path, bytes[..^80]);
        await rig.StartAsync();
        Assert.Equal(40, (await rig.ImageOf(0)).TopicCount);
    }

    [Fact]
    public async Task Unknown_partition_directories_are_put_aside()
    {
        await using NodeRig rig = new();
        await rig.StartAsync();
        await rig.OnCore(0, core => rig.Node.Controller.CreateTopicsAsync(core, Topic("known", 1)));
        await rig.StopAsync();
        Directory.CreateDirectory(Path.Combine(rig.Paths[0], "unknown-3"));
        await rig.StartAsync();
        string[] names = [.. Directory.GetDirectories(rig.Paths[0]).Select(path => Path.GetFileName(path)!)];
        Assert.DoesNotContain("unknown-3", names);
        Assert.Contains(names, name => name.StartsWith("unknown-3.") && name.EndsWith("-stray"));
        Assert.Contains("known-0", names);
    }

    [Fact]
    public async Task Several_directories_share_the_partitions()
    {
        await using NodeRig rig = new(directories: 3);
        await rig.StartAsync();
        await rig.OnCore(0, core => rig.Node.Controller.CreateTopicsAsync(core, Topic("t", 9)));
        MetadataImage image = await rig.ImageOf(0);
        Assert.Equal(3, Assert.Single(image.Brokers).Directories.Length);
        Assert.All(
            image.Topic("t")!.Partitions.CountBy(partition => partition.DirectoryOf(1)),
            count => Assert.Equal(3, count.Value)
        );
        foreach (LogDirectory directory in rig.Directories.All)
        {
            Assert.Equal(3, Directory.GetDirectories(directory.Path, "t-*").Length);
        }
    }

    [Fact]
    public async Task A_node_starts_without_a_data_directory_that_the_disk_refuses_and_its_partitions_come_back_with_it()
    {
        await using NodeRig rig = new(directories: 3);
        await rig.StartAsync();
        await rig.OnCore(0, core => rig.Node.Controller.CreateTopicsAsync(core, Topic("t", 9)));
        KafkaUuid lost = rig.Directories.All[2].Meta!.DirectoryId;
        await rig.StopAsync();
        string aside = rig.Paths[2] + ".aside";
        Directory.Move(rig.Paths[2], aside);
        File.WriteAllText(rig.Paths[2], "in place of a directory");
        await rig.StartAsync();
        Assert.Equal(rig.Paths[2], Assert.Single(rig.Directories.Offline).Path);
        await AssertLeaders(rig, lost, isOnline: false);
        Assert.Equal(6, rig.Directories.All.Sum(each => Directory.GetDirectories(each.Path, "t-*").Length));
        await rig.StopAsync();
        File.Delete(rig.Paths[2]);
        Directory.Move(aside, rig.Paths[2]);
        await rig.StartAsync();
        Assert.Empty(rig.Directories.Offline);
        await AssertLeaders(rig, lost, isOnline: true);
        Assert.Equal(9, rig.Directories.All.Sum(each => Directory.GetDirectories(each.Path, "t-*").Length));
    }

    [Fact]
    public async Task Without_the_directory_of_the_metadata_log_there_is_no_start()
    {
        await using NodeRig rig = new(directories: 2);
        Directory.CreateDirectory(rig.Root);
        File.WriteAllText(rig.Paths[0], "in place of a directory");
        DataDirectoryException error = await Assert.ThrowsAsync<DataDirectoryException>(() => rig.StartAsync());
        Assert.Equal(6, error.ExitCode);
        Assert.Contains(rig.Paths[0], error.Message);
    }

    private static async Task AssertLeaders(NodeRig rig, KafkaUuid directory, bool isOnline)
    {
        MetadataImage image = await rig.ImageOf(1);
        Assert.Equal(isOnline, Assert.Single(image.Brokers).Directories.Contains(directory));
        foreach (PartitionImage partition in image.Topic("t")!.Partitions)
        {
            bool isThere = isOnline || partition.DirectoryOf(1) != directory;
            Assert.Equal(isThere ? 1 : PartitionImage.NoLeader, partition.Leader);
            Assert.Equal([1], partition.Isr);
            Assert.Equal(isThere ? [] : [1], partition.OfflineReplicas(image));
        }
    }

    [Fact]
    public async Task A_directory_of_another_node_or_cluster_is_refused()
    {
        await using NodeRig rig = new();
        await rig.StartAsync();
        string clusterId = rig.Node.ClusterId;
        await rig.StopAsync();
        ClusterStartException node = await Assert.ThrowsAsync<ClusterStartException>(() => rig.StartAsync(nodeId: 7));
        Assert.Contains("belongs to node 1", node.Message);
        await rig.StopAsync();
        ClusterStartException cluster = await Assert.ThrowsAsync<ClusterStartException>(() =>
            rig.StartAsync(clusterId: "another")
        );
        Assert.Contains(clusterId, cluster.Message);
    }
}
