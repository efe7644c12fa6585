using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Protocol.Tests;

/// <summary>Bytes that Apache Kafka 4.1.1 itself wrote. Versions before the body are the log's framing, not the message's.</summary>
public sealed class MessageVectorTests
{
    [Fact]
    public void The_key_and_value_of_a_committed_offset()
    {
        OffsetCommitKey key = new()
        {
            Group = "g",
            Topic = "foo",
            Partition = 0,
        };
        Same("0001 67 0003 666f6f 00000000", MessageAccess.Write(key, 0));
        OffsetCommitValue value = new()
        {
            Offset = 12,
            LeaderEpoch = 3,
            Metadata = "m",
            CommitTimestamp = 1234,
            TopicId = new KafkaUuid(1, 2),
        };
        byte[] bytes = MessageAccess.Write(value, 4);
        Same("000000000000000c 00000003 02 6d 00000000000004d2 01 00 10 00000000000000010000000000000002", bytes);
        WireReader reader = new(bytes);
        Assert.True(OffsetCommitValue.TryRead(ref reader, 4, out OffsetCommitValue read));
        Assert.Equal((12, 3, "m", 1234), (read.Offset, read.LeaderEpoch, read.Metadata, read.CommitTimestamp));
        Assert.Equal((new KafkaUuid(1, 2), -1), (read.TopicId, read.ExpireTimestamp));
        Assert.Equal(1, OffsetCommitKey.RecordType);
    }

    [Fact]
    public void The_body_of_a_topic_record()
    {
        TopicRecord record = new() { Name = "foo", TopicId = new KafkaUuid(1, 2) };
        Same("04 666f6f 00000000000000010000000000000002 00", MessageAccess.Write(record, 0));
        Assert.Equal(2, TopicRecord.RecordType);
    }

    [Fact]
    public void The_values_of_control_records()
    {
        LeaderChangeMessage leader = new()
        {
            Version = 0,
            LeaderId = 1,
            Voters = [new() { VoterId = 1 }],
            GrantingVoters = [new() { VoterId = 1 }],
        };
        Same("0000 00000001 02 00000001 00 02 00000001 00 00", MessageAccess.Write(leader, 0));
        Same("0000 0001 00", MessageAccess.Write(new KRaftVersionRecord { KRaftVersion = 1 }, 0));
        Same(
            "0000 0000000000000309 00",
            MessageAccess.Write(new SnapshotHeaderRecord { LastContainedLogTimestamp = 777 }, 0)
        );
        Same("0000 00", MessageAccess.Write(new SnapshotFooterRecord(), 0));
        Same("0000 0000000b", [0, 0, .. MessageAccess.Write(new EndTxnMarker { CoordinatorEpoch = 11 }, 0)]);
    }

    [Fact]
    public void The_entry_of_a_producer_snapshot()
    {
        ProducerSnapshot snapshot = new()
        {
            Crc = 0xae515594,
            ProducerEntries =
            [
                new()
                {
                    ProducerId = 100,
                    Epoch = 3,
                    LastSequence = 12,
                    LastOffset = 45,
                    OffsetDelta = 3,
                    Timestamp = 999,
                    CoordinatorEpoch = 11,
                    CurrentTxnFirstOffset = 40,
                },
            ],
        };
        Same(
            "ae515594 00000001 0000000000000064 0003 0000000c 000000000000002d 00000003 00000000000003e7 0000000b"
                + "0000000000000028",
            MessageAccess.Write(snapshot, 1)
        );
    }

    /// <summary>Written by Kafka 4.4.0: null is stated, and what is absent holds its defaults.</summary>
    [Theory]
    [InlineData("0101 0001 00", null)]
    [InlineData("0100", 0)]
    [InlineData("0101 0007 01 00000005 01 00", 5)]
    public void A_tagged_structure_that_may_be_null(string tail, int? sessionTimeoutMs)
    {
        string hex = "010101010101ffffffff" + tail;
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        WireReader reader = new(bytes);
        Assert.True(ConsumerGroupMemberMetadataValue.TryRead(ref reader, 0, out ConsumerGroupMemberMetadataValue read));
        Assert.Equal(sessionTimeoutMs, read.ClassicMemberMetadata?.SessionTimeoutMs);
        Same(hex, MessageAccess.Write(read, 0));
    }

    private static void Same(string hex, byte[] bytes) =>
        Assert.Equal(hex.Replace(" ", "", StringComparison.Ordinal), Convert.ToHexStringLower(bytes), ignoreCase: true);
}
