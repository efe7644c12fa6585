using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Indexes;
using Aot.Broker.Storage.Producers;

namespace Aot.Broker.Storage.Tests;

/// <summary>Byte for byte what Apache Kafka writes.</summary>
public sealed class FileFormatTests
{
    private const string SnapshotVector =
        "0001ae51559400000001000000000000006400030000000c000000000000002d0000000300000000000003e70000000b0000000000000028";

    [Fact]
    public void A_producer_snapshot_has_Kafkas_bytes()
    {
        ProducerState state = new();
        ProducerEntry entry = ProducerEntry.New(100);
        entry.Epoch = 3;
        entry.CoordinatorEpoch = 11;
        entry.TransactionFirstOffset = 40;
        entry.LastTimestamp = 999;
        entry.Add(
            new ProducerBatch
            {
                LastOffset = 45,
                LastSequence = 12,
                OffsetDelta = 3,
                Timestamp = 999,
            }
        );
        state.Load(entry);
        byte[] bytes = ProducerSnapshot.Write(state);
        Assert.Equal(SnapshotVector, Convert.ToHexStringLower(bytes));
        ProducerState read = new();
        Assert.True(ProducerSnapshot.TryRead(bytes, read));
        Assert.Equal(SnapshotVector, Convert.ToHexStringLower(ProducerSnapshot.Write(read)));
        Assert.Equal(40, read.FirstUnstableOffset(1000));
        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] damaged = [.. bytes];
            damaged[i] ^= 0x10;
            Assert.False(ProducerSnapshot.TryRead(damaged, read), $"byte {i}");
            Assert.Equal(0, read.Count);
        }
        Assert.False(ProducerSnapshot.TryRead(bytes.AsSpan(0, bytes.Length - 1), read));
    }

    [Fact]
    public void Checkpoints_have_Kafkas_text()
    {
        Assert.Equal(
            "0\n1\nfoo 0 12\n",
            Encoding.UTF8.GetString(CheckpointText.Write([new CheckpointEntry(new TopicPartition("foo", 0), 12)]))
        );
        Assert.Equal(
            "0\n2\n0 0\n3 17\n",
            Encoding.UTF8.GetString(CheckpointText.Write([new EpochEntry(0, 0), new EpochEntry(3, 17)]))
        );
        List<EpochEntry> epochs = [];
        Assert.True(CheckpointText.TryRead("0\n2\n0 0\n3 17\n"u8, epochs));
        Assert.Equal([new EpochEntry(0, 0), new EpochEntry(3, 17)], epochs);
        Assert.True(CheckpointText.TryRead(""u8, epochs));
        foreach (string bad in (string[])["1\n0\n", "0\n2\n0 0\n", "0\n1\n0\n", "0\n1\na b\n", "0\n", "x"])
        {
            Assert.False(CheckpointText.TryRead(Encoding.UTF8.GetBytes(bad), new List<EpochEntry>()));
        }
    }

    [Fact]
    public void Index_entries_have_Kafkas_bytes()
    {
        string directory = Directory.CreateTempSubdirectory("aot-broker-index-").FullName;
        LinuxDisk disk = new();
        OffsetIndex offsets = new(1000);
        Assert.True(offsets.TryAppend(1017, 4711));
        Assert.Equal("0000001100001267", Convert.ToHexStringLower(offsets.File.Tail));
        TimeIndex times = new(1000);
        Assert.True(times.TryAppend(1_700_000_000_000, 1017));
        Assert.Equal("0000018bcfe5680000000011", Convert.ToHexStringLower(times.File.Tail));
        TransactionIndex transactions = new(directory, 1000);
        Assert.Equal(0, (int)transactions.Append(new AbortedEntry(100, 1001, 1009, 1004), disk));
        Assert.Equal(
            "0000000000000000006400000000000003e900000000000003f100000000000003ec",
            Convert.ToHexStringLower(File.ReadAllBytes(Path.Combine(directory, "00000000000000001000.txnindex")))
        );
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public void Partition_metadata_and_the_clean_mark_have_Kafkas_text()
    {
        KafkaUuid id = new(0x0102030405060708, 0x090a0b0c0d0e0f10);
        Assert.Equal($"version: 0\ntopic_id: {id}", Encoding.UTF8.GetString(PartitionMetadataText.Write(id)));
        Assert.True(PartitionMetadataText.TryRead(PartitionMetadataText.Write(id), out KafkaUuid read));
        Assert.Equal(id, read);
        Assert.False(PartitionMetadataText.TryRead("version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ"u8, out _));
        Assert.Equal("{\"version\":0,\"brokerEpoch\":17}", Encoding.UTF8.GetString(CleanShutdownText.Write(17)));
        Assert.Equal(17, CleanShutdownText.BrokerEpochOf("{\"version\":0,\"brokerEpoch\":17}"u8));
        Assert.Equal(-1, CleanShutdownText.BrokerEpochOf(""u8));
    }

    [Fact]
    public void Meta_properties_of_both_versions_are_read()
    {
        KafkaUuid id = new(5, 6);
        MetaProperties meta = new(1, "AbCdEfGhIjKlMnOpQrStUv", 3, id);
        MetaProperties? read = MetaProperties.TryParse(meta.ToBytes(0), out _);
        Assert.Equal(meta, read);
        Assert.Equal(0, MetaProperties.TryParse("broker.id=4\ncluster.id=x\n"u8, out _)!.Version);
        Assert.Null(MetaProperties.TryParse("version=2\n"u8, out string problem));
        Assert.Contains("version", problem);
        Assert.Null(MetaProperties.TryParse("version=1\nnode.id=1\n"u8, out _));
        Assert.Null(MetaProperties.TryParse("version=1\nnode.id=x\ncluster.id=y\n"u8, out _));
        Assert.Null(MetaProperties.TryParse("version=1\nnode.id=1\ncluster.id=y\ndirectory.id=short\n"u8, out _));
    }

    [Theory]
    [InlineData("orders-0", "orders", 0)]
    [InlineData("a-b.c_d-12", "a-b.c_d", 12)]
    [InlineData("__cluster_metadata-0", "__cluster_metadata", 0)]
    public void Partition_directories_split_at_the_last_dash(string directory, string topic, int partition)
    {
        Assert.True(LogFileNames.TryParsePartitionDirectory(directory, out TopicPartition name));
        Assert.Equal(new TopicPartition(topic, partition), name);
        Assert.Equal(directory, LogFileNames.PartitionDirectory(name));
        string marked = LogFileNames.MarkedDirectory(name, new string('a', 32), LogFileNames.DeleteDirectorySuffix);
        Assert.True(LogFileNames.IsMarked(marked, LogFileNames.DeleteDirectorySuffix));
        Assert.False(LogFileNames.IsMarked(marked, LogFileNames.StrayDirectorySuffix));
        Assert.False(LogFileNames.IsMarked(directory, LogFileNames.DeleteDirectorySuffix));
    }

    [Theory]
    [InlineData("orders")]
    [InlineData("-0")]
    [InlineData("orders-")]
    [InlineData("orders-x")]
    [InlineData("orders--1x")]
    public void Other_directories_are_no_partitions(string directory) =>
        Assert.False(LogFileNames.TryParsePartitionDirectory(directory, out _));

    [Fact]
    public void A_marked_name_fits_into_255_bytes()
    {
        string name = LogFileNames.MarkedDirectory(
            new TopicPartition(new string('t', 249), 123456),
            new string('0', 32),
            LogFileNames.DeleteDirectorySuffix
        );
        Assert.Equal(255, name.Length);
        Assert.True(LogFileNames.IsMarked(name, LogFileNames.DeleteDirectorySuffix));
    }

    [Fact]
    public void File_kinds_are_known_by_suffix()
    {
        Assert.Equal(LogFileKind.Log, LogFileNames.KindOf("00000000000000000042.log", out long offset));
        Assert.Equal(42, offset);
        Assert.Equal(LogFileKind.Swap, LogFileNames.KindOf("00000000000000000042.index.swap", out offset));
        Assert.Equal(42, offset);
        Assert.Equal(LogFileKind.Deleted, LogFileNames.KindOf("00000000000000000042.log.deleted", out _));
        Assert.Equal(LogFileKind.Cleaned, LogFileNames.KindOf("00000000000000000042.timeindex.cleaned", out _));
        Assert.Equal(LogFileKind.Other, LogFileNames.KindOf("leader-epoch-checkpoint", out offset));
        Assert.Equal(-1, offset);
    }
}

public sealed class LeaderEpochTests
{
    private static LeaderEpochCache Cache(params ReadOnlySpan<(int Epoch, long Start)> entries)
    {
        LeaderEpochCache cache = new();
        foreach ((int epoch, long start) in entries)
        {
            cache.Assign(epoch, start);
        }
        return cache;
    }

    [Fact]
    public void End_offsets_are_Kafkas()
    {
        LeaderEpochCache cache = Cache((2, 10), (4, 20), (7, 30));
        Assert.Equal((-1, -1L), cache.EndOffsetFor(-1, 50));
        Assert.Equal((1, 10L), cache.EndOffsetFor(1, 50));
        Assert.Equal((2, 20L), cache.EndOffsetFor(2, 50));
        Assert.Equal((2, 20L), cache.EndOffsetFor(3, 50));
        Assert.Equal((4, 30L), cache.EndOffsetFor(6, 50));
        Assert.Equal((7, 50L), cache.EndOffsetFor(7, 50));
        Assert.Equal((-1, -1L), cache.EndOffsetFor(8, 50));
        Assert.Equal((-1, -1L), Cache().EndOffsetFor(0, 50));
    }

    [Fact]
    public void A_new_epoch_removes_what_contradicts_it()
    {
        LeaderEpochCache cache = Cache((2, 10), (4, 20), (5, 20));
        Assert.Equal([(2, 10L), (5, 20L)], All(cache));
        cache.Assign(5, 60);
        Assert.Equal([(2, 10L), (5, 20L)], All(cache));
        cache.Assign(6, 5);
        Assert.Equal([(6, 5L)], All(cache));
    }

    [Fact]
    public void It_follows_truncation_at_both_ends()
    {
        LeaderEpochCache cache = Cache((2, 10), (4, 20), (7, 30));
        cache.TruncateFromStart(25);
        Assert.Equal([(4, 25L), (7, 30L)], All(cache));
        cache.TruncateFromEnd(30);
        Assert.Equal([(4, 25L)], All(cache));
        Assert.Equal((4, -1), (cache.EpochOf(26), cache.EpochOf(24)));
        cache.IsDirty = false;
        cache.TruncateFromEnd(100);
        cache.TruncateFromStart(3);
        Assert.False(cache.IsDirty);
    }

    private static List<(int, long)> All(LeaderEpochCache cache) =>
        [.. Enumerable.Range(0, cache.Count).Select(i => (cache[i].Epoch, cache[i].StartOffset))];
}
