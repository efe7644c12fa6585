using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster.Tests;

public sealed class ImageTests
{
    private const int Seeds = 60;

    [Fact]
    public void Replay_in_pieces_gives_the_same_image_as_replay_at_once()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            List<MetadataRecord> records = RandomMetadata.Make(seed, 150);
            MetadataImage atOnce = Images.Replay(MetadataImage.Empty, records);
            MetadataImage inPieces = MetadataImage.Empty;
            Random random = new(seed);
            for (int at = 0; at < records.Count; )
            {
                int count = Math.Min(records.Count - at, random.Next(1, 20));
                inPieces = Images.Replay(inPieces, records.GetRange(at, count));
                at += count;
            }
            Assert.True(Images.Text(atOnce) == Images.Text(inPieces), $"seed {seed}");
            Assert.Equal(records.Count - 1, inPieces.Offset);
        }
    }

    [Fact]
    public void The_records_of_an_image_make_it_again()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            MetadataImage image = Images.Replay(MetadataImage.Empty, RandomMetadata.Make(seed, 200));
            MetadataImage again = Images.Replay(MetadataImage.Empty, ImageRecords.Of(image));
            Assert.True(Images.Text(image) == Images.Text(again), $"seed {seed}");
            Assert.Equal(image.TopicCount, again.TopicCount);
            foreach (TopicImage topic in image.Topics)
            {
                Assert.Equal(topic.Name, again.Topic(topic.Id)!.Name);
                Assert.Equal(topic.Partitions.Length, again.Topic(topic.Name)!.Partitions.Length);
            }
        }
    }

    [Fact]
    public void Encoded_records_decode_to_the_same_bytes()
    {
        foreach (MetadataRecord record in RandomMetadata.Make(7, 500))
        {
            byte[] bytes = MetadataRecordCodec.Encode(record);
            MetadataRecord decoded = MetadataRecordCodec.Decode(bytes, 0);
            Assert.Equal(record.Message.GetType(), decoded.Message.GetType());
            Assert.Equal(bytes, MetadataRecordCodec.Encode(decoded));
        }
    }

    [Fact]
    public void A_snapshot_reads_back_to_an_equal_image()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            MetadataImage image = Images.Replay(MetadataImage.Empty, RandomMetadata.Make(seed, 200));
            SnapshotId id = new(image.Offset + 1, image.Epoch);
            byte[] file = SnapshotFile.Write(image, 5);
            MetadataImage? again = SnapshotFile.Read(file, id, "test");
            Assert.NotNull(again);
            Assert.True(Images.Text(image) == Images.Text(again), $"seed {seed}");
            Assert.Equal(
                (image.Offset, image.Epoch, image.TimestampMs),
                (again.Offset, again.Epoch, again.TimestampMs)
            );
        }
    }

    [Fact]
    public void A_snapshot_keeps_the_voters_of_the_log()
    {
        MetadataDelta delta = new(MetadataImage.Empty);
        VoterImage voter = new(3, new KafkaUuid(1, 2), [new EndPointImage("CONTROLLER", "host", 9093, 0)], 0, 1);
        delta.ReplayKRaftVersion(1);
        delta.ReplayVoters([voter]);
        MetadataImage image = delta.Apply(10, 2, 3);
        MetadataImage again = SnapshotFile.Read(SnapshotFile.Write(image, 1), new SnapshotId(11, 2), "test")!;
        Assert.Equal(1, again.KRaftVersion);
        VoterImage read = Assert.Single(again.Voters);
        Assert.Equal((voter.Id, voter.DirectoryId), (read.Id, read.DirectoryId));
        Assert.Equal(voter.EndPoints, read.EndPoints);
    }

    [Fact]
    public void A_snapshot_without_its_end_counts_as_absent()
    {
        MetadataImage image = Images.Replay(MetadataImage.Empty, RandomMetadata.Make(3, 50));
        byte[] file = SnapshotFile.Write(image, 5);
        byte[] footer = Protocol.Records.ControlBatch.SnapshotFooter(new Protocol.Records.RecordBatchOptions(), 5);
        Assert.Null(SnapshotFile.Read(file.AsSpan(0, file.Length - footer.Length), new SnapshotId(51, 1), "test"));
    }

    [Fact]
    public void A_small_change_shares_all_other_topics()
    {
        MetadataImage image = Images.Replay(MetadataImage.Empty, RandomMetadata.Make(1, 400));
        MetadataImage changed = Images.Replay(
            image,
            [new MetadataRecord(new TopicRecord { Name = "one-more", TopicId = new KafkaUuid(9, 9) }, 0)]
        );
        Assert.Equal(image.TopicCount + 1, changed.TopicCount);
        Assert.All(image.Topics, topic => Assert.Same(topic, changed.Topic(topic.Name)));
    }

    [Fact]
    public void A_deleted_topic_takes_its_settings_with_it()
    {
        KafkaUuid id = new(5, 5);
        MetadataImage image = Images.Replay(
            MetadataImage.Empty,
            [
                new MetadataRecord(new TopicRecord { Name = "t", TopicId = id }, 0),
                ImageRecords.Config(ConfigResource.Topic("t"), "retention.ms", "1"),
            ]
        );
        Assert.Equal("1", image.Configs.Value(ConfigResource.Topic("t"), "retention.ms"));
        MetadataImage after = Images.Replay(image, [new MetadataRecord(new RemoveTopicRecord { TopicId = id }, 0)]);
        Assert.Null(after.Topic("t"));
        Assert.Empty(after.Configs.Resources);
    }

    [Fact]
    public void Topics_are_listed_from_a_name_on()
    {
        MetadataImage image = Images.Replay(
            MetadataImage.Empty,
            [
                new MetadataRecord(new TopicRecord { Name = "b", TopicId = new KafkaUuid(1, 1) }, 0),
                new MetadataRecord(new TopicRecord { Name = "a", TopicId = new KafkaUuid(1, 2) }, 0),
                new MetadataRecord(new TopicRecord { Name = "c", TopicId = new KafkaUuid(1, 3) }, 0),
            ]
        );
        Assert.Equal(["a", "b", "c"], image.TopicsFrom("").Select(topic => topic.Name));
        Assert.Equal(["b", "c"], image.TopicsFrom("aa").Select(topic => topic.Name));
        MetadataImage more = Images.Replay(
            image,
            [new MetadataRecord(new TopicRecord { Name = "bb", TopicId = new KafkaUuid(1, 4) }, 0)]
        );
        Assert.Equal(["b", "bb", "c"], more.TopicsFrom("b").Select(topic => topic.Name));
    }

    [Fact]
    public void Contradictions_in_the_log_are_fatal()
    {
        KafkaUuid unknown = new(1, 1);
        MetadataRecord[] wrong =
        [
            new(new RemoveTopicRecord { TopicId = unknown }, 0),
            new(
                new PartitionRecord
                {
                    PartitionId = 0,
                    TopicId = unknown,
                    Replicas = [1],
                    Isr = [1],
                },
                0
            ),
            new(new PartitionChangeRecord { PartitionId = 0, TopicId = unknown }, 0),
            new(new FenceBrokerRecord { Id = 1, Epoch = 1 }, 0),
            new(new UnregisterBrokerRecord { BrokerId = 1, BrokerEpoch = 1 }, 0),
            new(new UnregisterControllerRecord { ControllerId = 1 }, 0),
            new(new RemoveAccessControlEntryRecord { Id = unknown }, 0),
            ImageRecords.Feature(Features.MetadataVersion, 99),
        ];
        foreach (MetadataRecord record in wrong)
        {
            MetadataDelta delta = new(MetadataImage.Empty);
            Assert.Throws<MetadataLogException>(() => delta.Replay(record));
        }
    }

    [Fact]
    public void Records_of_later_versions_are_refused_with_their_offset()
    {
        byte[] unknownType = [1, 99, 0];
        byte[] laterVersion = [1, (byte)MetadataRecordType.Topic, 1];
        byte[] laterFrame = [2, 2, 0];
        byte[] cut = MetadataRecordCodec.Encode(ImageRecords.Feature("f", 1))[..^2];
        foreach (byte[] bytes in (byte[][])[unknownType, laterVersion, laterFrame, cut])
        {
            MetadataLogException error = Assert.Throws<MetadataLogException>(() =>
                MetadataRecordCodec.Decode(bytes, 4711)
            );
            Assert.Contains("4711", error.Message);
        }
    }

    [Fact]
    public void A_metadata_transaction_counts_as_a_whole_or_not_at_all()
    {
        MetadataRecord begin = new(new BeginTransactionRecord { Name = "x" }, 0);
        MetadataRecord topic = new(new TopicRecord { Name = "t", TopicId = new KafkaUuid(1, 1) }, 0);
        MetadataReplay ended = new(MetadataImage.Empty);
        ended.Replay(begin);
        ended.Replay(topic);
        Assert.Null(ended.Finish().Topic("t"));
        ended.Replay(new MetadataRecord(new EndTransactionRecord(), 0));
        Assert.NotNull(ended.Finish().Topic("t"));

        MetadataReplay aborted = new(MetadataImage.Empty);
        aborted.Replay(begin);
        aborted.Replay(topic);
        aborted.Replay(new MetadataRecord(new AbortTransactionRecord(), 0));
        Assert.Null(aborted.Finish().Topic("t"));
        Assert.Throws<MetadataLogException>(() => aborted.Replay(new MetadataRecord(new EndTransactionRecord(), 0)));
    }

    [Fact]
    public void Quorum_state_has_the_text_of_both_versions()
    {
        QuorumState first = new()
        {
            LeaderId = 1,
            LeaderEpoch = 4,
            Voters = [1],
            DataVersion = 0,
        };
        Assert.Equal(
            """{"clusterId":"","leaderId":1,"leaderEpoch":4,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}""",
            System.Text.Encoding.UTF8.GetString(first.ToBytes())
        );
        QuorumState second = new()
        {
            LeaderId = 1,
            LeaderEpoch = 4,
            DataVersion = 1,
        };
        Assert.Equal(
            """{"leaderId":1,"leaderEpoch":4,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}""",
            System.Text.Encoding.UTF8.GetString(second.ToBytes())
        );
        foreach (QuorumState state in (QuorumState[])[first, second, first with { Voters = [1, 2, 3] }])
        {
            QuorumState? read = QuorumState.TryParse(state.ToBytes(), out _);
            Assert.NotNull(read);
            Assert.Equal(state.Voters, read.Voters);
            Assert.Equal(state with { Voters = [] }, read with { Voters = [] });
        }
        Assert.Null(QuorumState.TryParse("{\"leaderId\":1}"u8, out string problem));
        Assert.NotEmpty(problem);
        Assert.Null(QuorumState.TryParse("not json"u8, out _));
        Assert.Null(QuorumState.TryParse(default, out _));
    }
}
