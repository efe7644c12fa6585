using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Protocol.Tests;

public sealed class RecordControlTests
{
    private static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", ""));

    [Fact]
    public void A_commit_marker_has_the_bytes_that_Kafka_writes()
    {
        byte[] marker = new byte[ControlBatch.EndTransactionMarkerBytes];
        ControlBatch.WriteEndTransactionMarker(marker, commit: true, 100, 3, coordinatorEpoch: 11, timestampMs: 1234);
        RecordBatchPatch.SetBaseOffset(marker, 42);
        RecordBatchPatch.SetPartitionLeaderEpoch(marker, 9);
        byte[] kafkas = Hex(
            "000000000000002a 00000042 00000009 02 68170bc6 0030 00000000 00000000000004d2 00000000000004d2"
                + " 0000000000000064 0003 ffffffff 00000001 20 00 00 00 08 00000001 0c 00000000000b 00"
        );
        Assert.Equal(kafkas, marker);
    }

    [Theory]
    [InlineData(true, ControlRecordType.Commit)]
    [InlineData(false, ControlRecordType.Abort)]
    public void A_marker_reads_back(bool commit, ControlRecordType expected)
    {
        byte[] marker = new byte[ControlBatch.EndTransactionMarkerBytes];
        ControlBatch.WriteEndTransactionMarker(marker, commit, 7, 1, 5, 99);
        RecordBatchView batch = new(marker);
        Assert.Equal(RecordBatchFault.None, batch.Validate());
        Assert.True(batch.IsControl && batch.IsTransactional);
        RecordEnumerator records = batch.Records();
        Assert.True(records.MoveNext());
        Assert.True(ControlRecord.TryReadType(records.Current.Key, out ControlRecordType type));
        Assert.Equal(expected, type);
        Assert.True(ControlRecord.TryReadEndTransaction(records.Current.Value, out int epoch));
        Assert.Equal(5, epoch);
        Assert.False(records.MoveNext());
        Assert.Equal(RecordBatchFault.None, records.Fault);
    }

    [Fact]
    public void Snapshot_header_and_footer_read_back()
    {
        RecordBatchOptions position = new() { BaseOffset = 0, PartitionLeaderEpoch = 4 };
        RecordBatchView header = new(ControlBatch.SnapshotHeader(position, 50, 0x309, kraftVersion: 1, [1, 2, 3]));
        Assert.Equal(RecordBatchFault.None, header.Validate());
        Assert.True(header.IsControl);
        Assert.Equal(3, header.RecordsCount);
        RecordEnumerator records = header.Records();
        Next(ref records, ControlRecordType.SnapshotHeader, "0000 0000000000000309 00");
        Assert.True(ControlRecord.TryReadSnapshotHeader(records.Current.Value, out long timestamp));
        Assert.Equal(0x309, timestamp);
        Next(ref records, ControlRecordType.KRaftVersion, "0000 0001 00");
        Assert.True(ControlRecord.TryReadKRaftVersion(records.Current.Value, out short version));
        Assert.Equal(1, version);
        Next(ref records, ControlRecordType.KRaftVoters, "010203");
        Assert.False(records.MoveNext());

        RecordBatchView footer = new(ControlBatch.SnapshotFooter(position with { BaseOffset = 3 }, 50));
        Assert.Equal(RecordBatchFault.None, footer.Validate());
        records = footer.Records();
        Next(ref records, ControlRecordType.SnapshotFooter, "0000 00");
        Assert.Equal(3, footer.LastOffset);
    }

    [Fact]
    public void A_leader_change_carries_its_message()
    {
        byte[] value = Hex("0000 00000001 02 00000001 00 02 00000001 00 00");
        RecordBatchView batch = new(
            ControlBatch.LeaderChange(new() { BaseOffset = 12, PartitionLeaderEpoch = 2 }, 1, value)
        );
        RecordEnumerator records = batch.Records();
        Next(ref records, ControlRecordType.LeaderChange, Convert.ToHexString(value));
        Assert.False(batch.IsTransactional);
        Assert.Equal(-1, batch.BaseSequence);
    }

    [Fact]
    public void Keys_of_other_types_are_unknown_and_short_keys_are_none()
    {
        Assert.True(ControlRecord.TryReadType(Hex("00000063"), out ControlRecordType type));
        Assert.Equal(ControlRecordType.Unknown, type);
        Assert.False(ControlRecord.TryReadType(Hex("000000"), out _));
        Assert.False(ControlRecord.TryReadType(NullableBytes.Null, out _));
        Assert.False(ControlRecord.TryReadType(Hex("ffff0001"), out _));
        Assert.False(ControlRecord.TryReadEndTransaction(Hex("0000000000"), out _));
        Assert.False(ControlRecord.TryReadSnapshotHeader(NullableBytes.Null, out _));
        Assert.False(ControlRecord.TryReadKRaftVersion(Hex("0000"), out _));
    }

    private static void Next(ref RecordEnumerator records, ControlRecordType expected, string value)
    {
        Assert.True(records.MoveNext());
        Assert.True(ControlRecord.TryReadType(records.Current.Key, out ControlRecordType type));
        Assert.Equal(expected, type);
        Assert.Equal(Hex(value), records.Current.Value.ToArray());
    }
}
