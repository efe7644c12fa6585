using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage.Tests;

public sealed class LogDirectoriesTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("aot-broker-dirs-").FullName;
    private readonly TestDisk _disk = new();

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string At(string name) => Path.Combine(_root, name);

    [Fact]
    public void A_directory_is_made_and_locked_for_one_process()
    {
        using LogDirectories first = LogDirectories.Open(_disk, [At("a/b")]);
        DataDirectoryException refused = Assert.Throws<DataDirectoryException>(() =>
            LogDirectories.Open(new TestDisk(), [At("a/b")])
        );
        Assert.Equal(4, refused.ExitCode);
        Assert.Contains("in use", refused.Message);
        Assert.Null(first.All[0].Meta);
        first.Dispose();
        LogDirectories.Open(_disk, [At("a/b")]).Dispose();
        Assert.Empty(_disk.OpenPaths);
    }

    [Fact]
    public void Identities_must_agree()
    {
        using (LogDirectories directories = LogDirectories.Open(_disk, [At("a"), At("b")]))
        {
            directories.SaveMeta(directories.All[0], new MetaProperties(1, "c", 1, new KafkaUuid(1, 1)), 0);
            directories.SaveMeta(directories.All[1], new MetaProperties(1, "c", 1, new KafkaUuid(1, 2)), 0);
        }
        using (LogDirectories directories = LogDirectories.Open(_disk, [At("a"), At("b")]))
        {
            Assert.Equal(new KafkaUuid(1, 2), directories.All[1].Meta!.DirectoryId);
            directories.SaveMeta(directories.All[1], new MetaProperties(1, "c", 1, new KafkaUuid(1, 1)), 0);
        }
        Assert.Equal(4, Refused().ExitCode);
        File.WriteAllText(At("b/meta.properties"), "version=1\ncluster.id=d\nnode.id=1\n");
        Assert.Equal(4, Refused().ExitCode);
        File.WriteAllText(At("b/meta.properties"), "version=9\n");
        Assert.Equal(5, Refused().ExitCode);
        Assert.Empty(_disk.OpenPaths);

        DataDirectoryException Refused() =>
            Assert.Throws<DataDirectoryException>(() => LogDirectories.Open(_disk, [At("a"), At("b")]));
    }

    [Fact]
    public void What_a_core_has_not_spoken_of_yet_stays_in_a_checkpoint_that_another_one_writes()
    {
        TopicPartition name = new("events", 0);
        string file = At("a/log-start-offset-checkpoint");
        Directory.CreateDirectory(At("a"));
        File.WriteAllText(file, "0\n1\nevents 0 5\n");
        using LogDirectories directories = LogDirectories.Open(_disk, [At("a")]);
        LogDirectory directory = directories.All[0];
        Assert.Equal(5, directory.OffsetsOf(name).LogStart);
        Publish(1, new CheckpointEntry(new TopicPartition("other", 0), 3));
        Assert.Equal("0\n2\nevents 0 5\nother 0 3\n", File.ReadAllText(file));
        // Its log is open, but what is known of its start has not been said.
        directory.Adopt(name, new CoreIndex(0));
        Publish(1);
        Assert.Equal("0\n1\nevents 0 5\n", File.ReadAllText(file));
        Publish(0, new CheckpointEntry(name, 7));
        Assert.Equal("0\n1\nevents 0 7\n", File.ReadAllText(file));
        Publish(0);
        Assert.Equal("0\n0\n", File.ReadAllText(file));

        void Publish(int core, params CheckpointEntry[] entries)
        {
            directory.Publish(CheckpointKind.LogStart, new CoreIndex(core), entries);
            Assert.Equal(Linux.Errno.None, directory.Write(CheckpointKind.LogStart));
        }
    }

    [Fact]
    public void Partitions_are_found_and_one_in_two_places_is_a_persons_decision()
    {
        Directory.CreateDirectory(At("a/t-0"));
        Directory.CreateDirectory(At("a/lost+found"));
        Directory.CreateDirectory(At("a/t-9.0123456789abcdef0123456789abcdef-stray"));
        Directory.CreateDirectory(At("b/t-1"));
        KafkaUuid id = new(3, 4);
        File.WriteAllBytes(At("b/t-1/partition.metadata"), PartitionMetadataText.Write(id));
        using (LogDirectories directories = LogDirectories.Open(_disk, [At("a"), At("b")]))
        {
            List<PartitionOnDisk> found = [.. directories.ListPartitions().OrderBy(p => p.Name.Partition)];
            Assert.Equal(2, found.Count);
            Assert.Equal((new TopicPartition("t", 0), default(KafkaUuid)), (found[0].Name, found[0].TopicId));
            Assert.Equal((id, At("b")), (found[1].TopicId, found[1].Directory.Path));
        }
        Directory.CreateDirectory(At("a/t-1"));
        DataDirectoryException refused = Assert.Throws<DataDirectoryException>(() =>
            LogDirectories.Open(_disk, [At("a"), At("b")])
        );
        Assert.Equal(5, refused.ExitCode);
    }

    [Fact]
    public void The_metadata_log_may_have_a_directory_of_its_own()
    {
        Directory.CreateDirectory(At("a/t-0"));
        Directory.CreateDirectory(At("a/__cluster_metadata-0"));
        Directory.CreateDirectory(At("m/__cluster_metadata-0"));
        Directory.CreateDirectory(At("m/t-1"));
        File.WriteAllText(At("a/.kafka_cleanshutdown"), "{\"version\":0,\"brokerEpoch\":7}");
        // The mark of a run long ago, which Apache Kafka leaves where the directory is not one of log.dirs.
        File.WriteAllText(At("m/.kafka_cleanshutdown"), "{\"version\":0,\"brokerEpoch\":7}");
        using LogDirectories directories = LogDirectories.Open(_disk, [At("a")], metadataPath: At("m"));
        Assert.Equal([At("a")], directories.All.Select(d => d.Path));
        Assert.Equal([At("a"), At("m")], directories.WithMetadata.Select(d => d.Path));
        Assert.Equal((At("m"), false), (directories.Metadata.Path, directories.Metadata.HadCleanShutdown));
        Assert.Equal(
            [(TopicPartition.ClusterMetadata, At("m")), (new TopicPartition("t", 0), At("a"))],
            directories
                .ListPartitions()
                .Select(found => (found.Name, found.Directory.Path))
                .OrderBy(found => found.Name.Topic, StringComparer.Ordinal)
        );
        directories.SaveCleanShutdown(8);
        Assert.Contains("8", File.ReadAllText(At("a/.kafka_cleanshutdown")));
        Assert.Contains("7", File.ReadAllText(At("m/.kafka_cleanshutdown")));
        Assert.Throws<DataDirectoryException>(() =>
            LogDirectories.Open(new TestDisk(), [At("b")], metadataPath: At("m"))
        );
    }

    [Fact]
    public void Checkpoints_keep_what_no_log_has_claimed_yet()
    {
        Directory.CreateDirectory(_root);
        File.WriteAllText(At("recovery-point-offset-checkpoint"), "0\n2\nother 3 77\nevents 0 1\n");
        using StorageRig rig = new(_root);
        PartitionLog log = rig.Open();
        rig.MustAppend(log, Batches.Plain(4));
        rig.Do(async _ => await log.FlushAsync());
        rig.Advance(61_000);
        rig.Advance(5_000);
        Assert.Equal("0\n2\nevents 0 4\nother 3 77\n", File.ReadAllText(At("recovery-point-offset-checkpoint")));
        Assert.Equal("0\n1\nevents 0 4\n", File.ReadAllText(At("replication-offset-checkpoint")));
        DateTime before = File.GetLastWriteTimeUtc(At("replication-offset-checkpoint"));
        rig.Advance(20_000);
        Assert.Equal(before, File.GetLastWriteTimeUtc(At("replication-offset-checkpoint")));
    }

    [Fact]
    public void Deleted_partitions_of_an_earlier_process_are_removed()
    {
        Directory.CreateDirectory(At("t-0.0123456789abcdef0123456789abcdef-delete"));
        File.WriteAllText(At("t-0.0123456789abcdef0123456789abcdef-delete/00000000000000000000.log"), "x");
        using StorageRig rig = new(_root);
        rig.Pump();
        Assert.Empty(Directory.GetDirectories(_root));
    }

    [Fact]
    public void Many_partitions_open_and_close_cleanly()
    {
        using (StorageRig rig = new(_root))
        {
            for (int i = 0; i < 300; i++)
            {
                rig.Open(name: new TopicPartition("many", i), epoch: 1);
            }
        }
        using (StorageRig rig = new(_root))
        {
            OpenAll(rig);
            for (int i = 0; i < 300; i += 10)
            {
                rig.MustAppend(rig.Set.All[i], Batches.Plain());
            }
            rig.StopClean();
        }
        using StorageRig clean = new(_root);
        OpenAll(clean);
        Assert.Equal(30, clean.Set.All.Sum(l => l.LogEndOffset));
        Assert.Single(clean.Disk.OpenPaths);

        static void OpenAll(StorageRig rig) =>
            rig.Do(async core =>
            {
                List<Task<(ErrorCode Error, PartitionLog? Log)>> opening = [];
                for (int i = 0; i < 300; i++)
                {
                    KafkaUuid id = new(7, 9);
                    opening.Add(rig.Set.OpenAsync(new TopicPartition("many", i), id, new LogConfig()).AsTask());
                }
                await Task.WhenAll(opening);
                Assert.All(opening, o => Assert.Equal(ErrorCode.None, o.Result.Error));
            });
    }

    [Fact]
    public void A_topics_partitions_are_spread_over_the_cores()
    {
        KafkaUuid id = KafkaUuid.NewRandom(() => (ulong)Random.Shared.NextInt64());
        HashSet<int> cores = [];
        for (int i = 0; i < 4; i++)
        {
            CoreIndex core = PartitionPlacement.CoreOf(id, i, 4);
            Assert.InRange(core.Value, 0, 3);
            Assert.Equal(core, PartitionPlacement.CoreOf(id, i, 4));
            cores.Add(core.Value);
        }
        Assert.Equal(4, cores.Count);
        Assert.Equal(0, PartitionPlacement.CoreOf(KafkaUuid.Metadata, 0, 4).Value);
    }
}
