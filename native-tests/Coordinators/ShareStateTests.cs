using Aot.Broker.Base;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.Tests;

/// <summary>The state of share partitions: what reports add up to, and whose are taken.</summary>
public sealed class ShareStateTests
{
    private const int Records = 40;
    private const sbyte Available = 0;
    private const sbyte Acknowledged = 2;
    private const sbyte Archived = 4;

    private static readonly SharePartitionState s_state = new()
    {
        SnapshotEpoch = 3,
        StateEpoch = 5,
        LeaderEpoch = 7,
        StartOffset = 10,
        DeliveryCompleteCount = 0,
    };

    [Fact]
    public void Reports_add_up_to_what_a_record_by_record_account_says()
    {
        for (int seed = 0; seed < 500; seed++)
        {
            Random random = new(seed);
            List<ShareStateBatch> known = [.. ShareStateBatches.Combine([], Some(random), -1)];
            List<ShareStateBatch> reported = Some(random);
            long start = random.Next(-1, Records);
            IReadOnlyList<ShareStateBatch> combined = ShareStateBatches.Combine(known, reported, start);
            AssertCanonical(combined, seed);
            for (long offset = 0; offset < Records; offset++)
            {
                ShareStateBatch? expected = offset < start ? null : Highest(known.Concat(reported), offset);
                ShareStateBatch? found = Highest(combined, offset);
                Assert.True(
                    expected is { } e ? found is { } f && f.HasSameFate(e) : found is null,
                    $"seed {seed}: offset {offset}"
                );
            }
        }
    }

    private static List<ShareStateBatch> Some(Random random)
    {
        List<ShareStateBatch> batches = [];
        for (int i = random.Next(6); i > 0; i--)
        {
            long first = random.Next(Records);
            batches.Add(
                new ShareStateBatch(
                    first,
                    Math.Min(Records - 1, first + random.Next(12)),
                    random.Next(3) switch
                    {
                        0 => Available,
                        1 => Acknowledged,
                        _ => Archived,
                    },
                    (short)random.Next(1, 4)
                )
            );
        }
        return batches;
    }

    private static ShareStateBatch? Highest(IEnumerable<ShareStateBatch> batches, long offset)
    {
        ShareStateBatch? highest = null;
        foreach (ShareStateBatch batch in batches)
        {
            bool isIn = batch.FirstOffset <= offset && offset <= batch.LastOffset;
            highest = isIn && (highest is not { } before || batch.Outranks(before)) ? batch : highest;
        }
        return highest;
    }

    private static void AssertCanonical(IReadOnlyList<ShareStateBatch> batches, int seed)
    {
        for (int i = 1; i < batches.Count; i++)
        {
            Assert.True(batches[i].FirstOffset > batches[i - 1].LastOffset, $"seed {seed}: batches overlap");
            bool touch = batches[i].FirstOffset == batches[i - 1].LastOffset + 1;
            Assert.False(touch && batches[i].HasSameFate(batches[i - 1]), $"seed {seed}: two batches should be one");
        }
    }

    [Fact]
    public void A_later_delivery_of_some_records_cuts_the_batch_that_they_were_in()
    {
        IReadOnlyList<ShareStateBatch> combined = ShareStateBatches.Combine(
            [new ShareStateBatch(10, 19, Available, 1)],
            [new ShareStateBatch(13, 14, Acknowledged, 1), new ShareStateBatch(17, 22, Available, 2)],
            11
        );
        Assert.Equal(
            [
                new ShareStateBatch(11, 12, Available, 1),
                new ShareStateBatch(13, 14, Acknowledged, 1),
                new ShareStateBatch(15, 16, Available, 1),
                new ShareStateBatch(17, 22, Available, 2),
            ],
            combined
        );
    }

    [Theory]
    [InlineData(5, 7, ErrorCode.None)]
    [InlineData(6, 8, ErrorCode.None)]
    [InlineData(-1, 7, ErrorCode.InvalidRequest)]
    [InlineData(5, -1, ErrorCode.InvalidRequest)]
    [InlineData(4, 7, ErrorCode.FencedStateEpoch)]
    [InlineData(5, 6, ErrorCode.FencedLeaderEpoch)]
    [InlineData(4, 6, ErrorCode.FencedLeaderEpoch)]
    public void A_write_of_an_older_epoch_is_refused(int stateEpoch, int leaderEpoch, ErrorCode expected) =>
        Assert.Equal(
            expected,
            ShareStateRules
                .CheckWrite(s_state, s_state.LeaderEpoch, new ShareStateWrite(stateEpoch, leaderEpoch, -1, -1, []))
                .Code
        );

    [Fact]
    public void Before_its_initialization_a_share_partition_is_neither_read_nor_written()
    {
        Assert.Equal(
            ErrorCode.InvalidRequest,
            ShareStateRules.CheckWrite(null, 0, new ShareStateWrite(0, 0, 0, 0, [])).Code
        );
        Assert.Equal(ErrorCode.InvalidRequest, ShareStateRules.CheckRead(null, 0, 0).Code);
        Assert.Equal(ErrorCode.None, ShareStateRules.CheckInitialize(null, 0).Code);
        Assert.Equal(ErrorCode.FencedStateEpoch, ShareStateRules.CheckInitialize(s_state, 4).Code);
    }

    [Fact]
    public void An_update_and_a_snapshot_with_it_say_the_same()
    {
        ShareStateWrite write = new(5, 7, 12, 1, [new ShareStateBatch(13, 13, Acknowledged, 1)]);
        SharePartitionUpdate update = ShareStateRules.UpdateWith(s_state, write);
        SharePartitionState updated = s_state.With(update);
        SharePartitionState snapshot = ShareStateRules.SnapshotWith(s_state, update, 99);
        Assert.Equal((3, 12, 1), (updated.SnapshotEpoch, updated.StartOffset, updated.DeliveryCompleteCount));
        Assert.Equal((4, 12, 1), (snapshot.SnapshotEpoch, snapshot.StartOffset, snapshot.DeliveryCompleteCount));
        Assert.Equal(99, snapshot.WriteTimestampMs);
        Assert.Equal(write.Batches, updated.Batches);
        Assert.Equal(write.Batches, snapshot.Batches);
    }

    [Theory]
    [InlineData(9, 8, 10, 3)]
    [InlineData(-1, -1, 10, 3)]
    [InlineData(10, 2, 10, 3)]
    [InlineData(10, 4, 10, 4)]
    [InlineData(11, 0, 11, 0)]
    public void The_start_offset_does_not_go_back(long start, int complete, long expectedStart, int expectedComplete)
    {
        SharePartitionState before = s_state with { DeliveryCompleteCount = 3 };
        SharePartitionUpdate update = ShareStateRules.UpdateWith(
            before,
            new ShareStateWrite(5, 7, start, complete, [])
        );
        Assert.Equal((expectedStart, expectedComplete), (update.StartOffset, update.DeliveryCompleteCount));
    }

    [Fact]
    public void A_read_of_a_newer_leader_shuts_the_earlier_one_out()
    {
        SharePartitionState read = s_state.With(ShareStateRules.UpdateWith(s_state, 8));
        Assert.Equal(
            ErrorCode.FencedLeaderEpoch,
            ShareStateRules.CheckWrite(read, read.LeaderEpoch, new ShareStateWrite(5, 7, 10, 0, [])).Code
        );
        Assert.Equal(s_state.StartOffset, read.StartOffset);
        Assert.Equal(s_state.Batches, read.Batches);
    }

    [Fact]
    public void An_earlier_leader_stays_shut_out_when_the_state_is_begun_anew()
    {
        ShareStateEntry entry = new(new ShareStateKey("a-group", new KafkaUuid(1, 2), 3));
        entry.Take(s_state, offset: 0);
        SharePartitionState anew = ShareStateRules.Initialize(s_state, 6, 20, 5);
        Assert.Equal(0, anew.LeaderEpoch);
        entry.Take(anew, offset: 1);
        Assert.Equal(
            ErrorCode.FencedLeaderEpoch,
            ShareStateRules.CheckRead(entry.State, entry.NewestLeader, s_state.LeaderEpoch - 1).Code
        );
        entry.Take(null, offset: 2);
        entry.Take(anew, offset: 3);
        Assert.Equal(ErrorCode.None, ShareStateRules.CheckRead(entry.State, entry.NewestLeader, 0).Code);
    }

    [Fact]
    public void What_is_complete_is_counted_from_a_known_start()
    {
        SharePartitionState begun = ShareStateRules.Initialize(null, 1, -1, 5);
        Assert.Equal((0, -1L, -1), (begun.SnapshotEpoch, begun.StartOffset, begun.DeliveryCompleteCount));
        SharePartitionState set = ShareStateRules.Initialize(begun, 2, 30, 6);
        Assert.Equal((1, 30L, 0), (set.SnapshotEpoch, set.StartOffset, set.DeliveryCompleteCount));
    }

    [Fact]
    public void A_key_is_read_back_from_its_text()
    {
        ShareStateKey key = new("a-group", new KafkaUuid(1, 2), 3);
        Assert.True(ShareStateKey.TryParse(key.ToString(), out ShareStateKey read));
        Assert.Equal(key, read);
        Assert.False(ShareStateKey.TryParse("a-group:3", out _));
        Assert.False(ShareStateKey.TryParse($" :{key.TopicId}:3", out _));
        Assert.False(ShareStateKey.TryParse($"a-group:{key.TopicId}:x", out _));
    }
}
