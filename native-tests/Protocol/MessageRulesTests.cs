using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Protocol.Tests;

public sealed class MessageRulesTests
{
    [Fact]
    public void A_field_that_the_version_cannot_carry_is_refused_unless_it_holds_its_default()
    {
        FetchRequest request = new() { ReplicaId = 3 };
        Assert.Contains("ReplicaId", Refused(() => request.Measure(15)), StringComparison.Ordinal);
        Assert.True(request.Measure(14) > 0);
        request.ReplicaId = -1;
        Assert.True(request.Measure(15) > 0);
    }

    [Fact]
    public void An_ignorable_field_is_dropped_silently()
    {
        FetchRequest with = new() { RackId = "r1", ClusterId = "c" };
        Assert.Equal(new FetchRequest().Measure(4), with.Measure(4));
    }

    [Fact]
    public void A_tagged_field_that_is_not_ignorable_is_refused_where_there_are_no_tags()
    {
        FetchRequest request = new() { ReplicaState = new() { ReplicaId = 1 } };
        Assert.Contains("ReplicaState", Refused(() => request.Measure(11)), StringComparison.Ordinal);
        Assert.Contains("ReplicaState", Refused(() => request.Measure(14)), StringComparison.Ordinal);
        Assert.True(request.Measure(15) > new FetchRequest().Measure(15));
    }

    [Fact]
    public void Null_is_refused_in_a_version_where_it_may_not_be()
    {
        MetadataRequest all = new() { Topics = null };
        Assert.Contains("Topics", Refused(() => all.Measure(0)), StringComparison.Ordinal);
        Assert.Equal("FFFFFFFF", Convert.ToHexString(MessageAccess.Write(all, 1)));
    }

    [Fact]
    public void Null_that_may_not_be_is_refused_by_the_reader()
    {
        byte[] nullArray = [0xFF, 0xFF, 0xFF, 0xFF];
        WireReader old = new(nullArray);
        Assert.False(MetadataRequest.TryRead(ref old, 0, out _));
        WireReader newer = new(nullArray);
        Assert.True(MetadataRequest.TryRead(ref newer, 1, out MetadataRequest request));
        Assert.Null(request.Topics);
    }

    [Fact]
    public void Unknown_tags_keep_their_place_among_the_known_ones()
    {
        FetchRequest.FetchPartition partition = new() { ReplicaDirectoryId = new KafkaUuid(1, 2), HighWatermark = 7 };
        partition.UnknownTags = [new UnknownTag(2, [9]), new UnknownTag(300, [])];
        FetchRequest request = new() { Topics = [new() { Partitions = [partition] }] };
        byte[] bytes = MessageAccess.Write(request, 18);
        WireReader reader = new(bytes);
        Assert.True(FetchRequest.TryRead(ref reader, 18, out FetchRequest read));
        FetchRequest.FetchPartition same = read.Topics[0].Partitions[0];
        Assert.Equal((new KafkaUuid(1, 2), 7), (same.ReplicaDirectoryId, same.HighWatermark));
        Assert.Equal([2u, 300u], same.UnknownTags!.Select(tag => tag.Tag));
        Assert.Equal([9], same.UnknownTags![0].Bytes);
    }

    [Fact]
    public void Unknown_tags_are_refused_where_they_cannot_go()
    {
        List<UnknownTag> tags = [new UnknownTag(5, [1])];
        Assert.Contains(
            "tagged",
            Refused(() => new FetchRequest { UnknownTags = tags }.Measure(11)),
            StringComparison.Ordinal
        );
        FetchRequest clash = new() { ClusterId = "c", UnknownTags = [new UnknownTag(0, [1])] };
        Assert.Contains("order", Refused(() => clash.Measure(12)), StringComparison.Ordinal);
        FetchRequest descending = new() { UnknownTags = [new UnknownTag(9, []), new UnknownTag(8, [])] };
        Assert.Contains("order", Refused(() => descending.Measure(12)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("00", true)]
    [InlineData("01 05 01 AA", true)]
    [InlineData("02 05 00 06 00", true)]
    [InlineData("02 05 00 05 00", false)] // twice
    [InlineData("02 06 00 05 00", false)] // descending
    [InlineData("01 05 02 AA", false)] // longer than what is left
    [InlineData("7F", false)] // more fields than bytes
    [InlineData("FF FF FF FF 0F", false)]
    [InlineData("01 05 FF FF FF FF 0F", false)]
    public void A_section_of_tags_is_held_to_its_rules(string hex, bool valid)
    {
        byte[] bytes = Convert.FromHexString("00000007" + hex.Replace(" ", "", StringComparison.Ordinal));
        WireReader reader = new(bytes);
        Assert.Equal(valid, ResponseHeader.TryRead(ref reader, 1, out _));
        WireReader skipping = new(bytes);
        skipping.ReadInt32();
        skipping.SkipTags();
        Assert.Equal(valid, skipping.IsValid);
    }

    [Theory]
    [InlineData("01 00 02 0263", true)]
    [InlineData("01 00 03 0263 00", false)] // the string ends before its field
    [InlineData("01 00 01 0263", false)] // the string runs past its field
    public void A_known_tag_must_fill_its_size(string section, bool valid)
    {
        byte[] bytes = MessageAccess.Write(new FetchRequest(), 12);
        Assert.Equal(0, bytes[^1]);
        byte[] with = [.. bytes[..^1], .. Convert.FromHexString(section.Replace(" ", "", StringComparison.Ordinal))];
        WireReader reader = new(with);
        Assert.Equal(valid, FetchRequest.TryRead(ref reader, 12, out FetchRequest request));
        Assert.Equal(valid, reader.IsValid && request.ClusterId == "c" && reader.Remaining == 0);
    }

    [Fact]
    public void A_structure_that_may_be_null_is_preceded_by_a_byte()
    {
        DescribeTopicPartitionsRequest none = new() { ResponsePartitionLimit = 5 };
        Assert.Equal("0100000005FF00", Convert.ToHexString(MessageAccess.Write(none, 0)));
        DescribeTopicPartitionsRequest at = new()
        {
            Cursor = new() { TopicName = "t", PartitionIndex = 2 },
        };
        Assert.Equal("01000007D00102740000000200" + "00", Convert.ToHexString(MessageAccess.Write(at, 0)));
    }

    [Fact]
    public void Text_that_no_version_can_carry_throws_and_does_not_stop_the_process()
    {
        OffsetCommitKey key = new() { Group = new string('g', 40_000) };
        Assert.Contains("longer", Refused(() => key.Measure(0)), StringComparison.Ordinal);
    }

    private static string Refused(Action act) => Assert.Throws<InvalidOperationException>(act).Message;

    private static string Refused(Func<object> act) => Assert.Throws<InvalidOperationException>(act).Message;
}
