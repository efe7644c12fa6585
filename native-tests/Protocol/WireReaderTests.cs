using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Protocol.Tests;

public sealed class WireReaderTests
{
    [Theory]
    [InlineData("00", 0u)]
    [InlineData("7F", 127u)]
    [InlineData("8001", 128u)]
    [InlineData("FFFFFFFF0F", uint.MaxValue)]
    public void A_varint_is_read(string hex, uint value)
    {
        WireReader reader = new(Convert.FromHexString(hex));
        Assert.Equal(value, reader.ReadUVarint());
        Assert.True(reader.IsValid);
        Assert.Equal(0, reader.Remaining);
    }

    [Theory]
    [InlineData("")]
    [InlineData("80")]
    [InlineData("FFFFFFFF1F")] // a 33rd bit
    [InlineData("808080808001")] // six bytes
    public void A_varint_that_is_cut_or_too_long_fails(string hex)
    {
        WireReader reader = new(Convert.FromHexString(hex));
        Assert.Equal(0u, reader.ReadUVarint());
        Assert.False(reader.IsValid);
    }

    [Theory]
    [InlineData("FFFFFFFFFFFFFFFFFF01", long.MinValue)]
    [InlineData("FEFFFFFFFFFFFFFFFF01", long.MaxValue)]
    [InlineData("01", -1L)]
    public void A_varlong_is_read(string hex, long value)
    {
        WireReader reader = new(Convert.FromHexString(hex));
        Assert.Equal(value, reader.ReadVarlong());
        Assert.True(reader.IsValid);
    }

    [Theory]
    [InlineData("FFFFFFFFFFFFFFFFFF02")] // a 65th bit
    [InlineData("80808080808080808080")]
    public void A_varlong_that_is_cut_or_too_long_fails(string hex)
    {
        WireReader reader = new(Convert.FromHexString(hex));
        Assert.Equal(0, reader.ReadVarlong());
        Assert.False(reader.IsValid);
    }

    [Fact]
    public void A_failure_stays_and_every_read_after_it_gives_its_default()
    {
        WireReader reader = new([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        reader.Fail();
        Assert.Equal(0, reader.Remaining);
        Assert.Equal(12, reader.Position);
        Assert.Equal((0, 0, 0, 0L), (reader.ReadInt8(), reader.ReadInt16(), reader.ReadInt32(), reader.ReadInt64()));
        Assert.Equal((0, 0u, 0.0), (reader.ReadVarint(), reader.ReadUVarint(), reader.ReadFloat64()));
        Assert.True(reader.ReadUuid().IsZero);
        Assert.Equal(("", ""), (reader.ReadString(false), reader.ReadString(true)));
        Assert.True(reader.ReadSpan(1).IsEmpty);
        Assert.Equal(0, reader.ReadCount(true, true, 1));
        Assert.False(reader.ReadPresence());
        Assert.False(reader.IsValid);
    }

    [Theory]
    [InlineData(false, "FFFE")]
    [InlineData(false, "8000")]
    [InlineData(false, "FFFF")] // null, which is not allowed here
    [InlineData(true, "00")] // null, which is not allowed here
    [InlineData(true, "FFFFFFFF0F")]
    [InlineData(true, "8180808008")] // 2^31 + 1
    public void A_string_of_negative_or_huge_length_fails(bool compact, string hex)
    {
        WireReader reader = new([.. Convert.FromHexString(hex), .. new byte[50]]);
        Assert.True(reader.ReadStringBytes(compact).IsEmpty);
        Assert.False(reader.IsValid);
    }

    [Fact]
    public void A_compact_string_may_not_be_longer_than_a_classic_one()
    {
        byte[] bytes = new byte[40_000];
        WireWriter writer = new(bytes);
        writer.WriteUVarint(32768 + 1);
        WireReader reader = new(bytes);
        reader.ReadStringBytes(compact: true);
        Assert.False(reader.IsValid);
        writer = new WireWriter(bytes);
        writer.WriteUVarint(32767 + 1);
        reader = new WireReader(bytes);
        Assert.Equal(32767, reader.ReadStringBytes(compact: true).Length);
        Assert.True(reader.IsValid);
    }

    [Fact]
    public void Malformed_utf8_is_replaced_as_long_as_the_text_can_still_be_written()
    {
        WireReader reader = new([0, 3, (byte)'a', 0xFF, (byte)'b']);
        Assert.Equal("a\uFFFDb", reader.ReadString(compact: false));
        byte[] broken = new byte[2 + 20_000];
        broken.AsSpan(2).Fill(0xFF);
        (broken[0], broken[1]) = (20_000 >> 8, 20_000 & 0xFF);
        WireReader second = new(broken);
        Assert.Equal("", second.ReadString(compact: false));
        Assert.False(second.IsValid);
    }

    [Theory]
    [InlineData(3, 4, true)]
    [InlineData(4, 4, false)]
    [InlineData(int.MaxValue, 1, false)]
    [InlineData(-2, 1, false)]
    [InlineData(-1, 1, false)]
    [InlineData(int.MinValue, 1, false)]
    public void A_count_is_held_against_the_bytes_that_are_left(int count, int elementBytesMin, bool valid)
    {
        byte[] bytes = new byte[4 + 15];
        WireWriter writer = new(bytes);
        writer.WriteInt32(count);
        WireReader reader = new(bytes);
        Assert.Equal(valid ? count : 0, reader.ReadCount(flexible: false, nullable: false, elementBytesMin));
        Assert.Equal(valid, reader.IsValid);
    }

    [Fact]
    public void The_elements_of_a_whole_message_have_a_budget()
    {
        byte[] bytes = new byte[8 + Limits.MessageElementsMax + 10];
        WireWriter writer = new(bytes);
        writer.WriteInt32(Limits.MessageElementsMax);
        writer.WriteInt32(1);
        WireReader reader = new(bytes);
        Assert.Equal(Limits.MessageElementsMax, reader.ReadCount(flexible: false, nullable: false, 1));
        Assert.Equal(0, reader.ReadCount(flexible: false, nullable: false, 1));
        Assert.False(reader.IsValid);
    }

    [Fact]
    public void The_spans_point_into_the_source_and_nothing_is_allocated()
    {
        byte[] bytes = [0, 2, 65, 66, 3, 67, 68, 0, 0, 0, 1, 69, 0, 0xFF, 0xFF, 0];
        long before = GC.GetAllocatedBytesForCurrentThread();
        WireReader reader = new(bytes);
        ReadOnlySpan<byte> classic = reader.ReadStringBytes(compact: false);
        ReadOnlySpan<byte> compact = reader.ReadStringBytes(compact: true);
        ReadOnlySpan<byte> content = reader.ReadBytesSpan(compact: false);
        reader.ReadNullableBytesSpan(compact: true, out bool bytesAreNull);
        reader.ReadNullableStringBytes(compact: false, out bool textIsNull);
        reader.SkipTags();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(0, allocated);
        Assert.True(reader.IsValid && bytesAreNull && textIsNull && reader.Remaining == 0);
        Assert.Equal("AB" + "CD" + "E", Encoding.UTF8.GetString([.. classic, .. compact, .. content]));
    }

    [Fact]
    public void The_header_of_a_request_keeps_the_classic_client_id_in_the_flexible_form()
    {
        byte[] bytes = Convert.FromHexString(
            "0001 000C 00000007 0002 6162 01 05 01 AA 55".Replace(" ", "", StringComparison.Ordinal)
        );
        WireReader reader = new(bytes);
        Assert.True(RequestHeaderView.TryRead(ref reader, out RequestHeaderView header));
        Assert.Equal((ApiKey.Fetch, 12, 7), (header.Key, header.Version, header.CorrelationId));
        Assert.Equal("ab", Encoding.UTF8.GetString(header.ClientId));
        Assert.False(header.ClientIdIsNull);
        Assert.Equal(1, reader.Remaining);
        WireReader second = new(bytes);
        Assert.True(RequestHeader.TryRead(ref second, 2, out RequestHeader same));
        Assert.Equal(("ab", 7), (same.ClientId, same.CorrelationId));
        Assert.Equal(bytes[..^1], MessageAccess.Write(same, 2));
    }

    [Fact]
    public void The_header_of_a_version_that_is_too_new_can_still_be_read()
    {
        WireReader reader = new(
            Convert.FromHexString("0012 7FFF 00000009 FFFF 00".Replace(" ", "", StringComparison.Ordinal))
        );
        Assert.True(RequestHeaderView.TryRead(ref reader, out RequestHeaderView header));
        Assert.Equal((ApiKey.ApiVersions, short.MaxValue), (header.Key, header.Version));
        Assert.True(header.ClientIdIsNull && reader.Remaining == 0);
        Assert.False(ApiKeys.IsSupported(header.Key, header.Version));
    }

    [Theory]
    [InlineData("03E7 0000 00000001 FFFF")] // an API that Kafka does not have
    [InlineData("FFFF 0000 00000001 FFFF")]
    [InlineData("0001 FFFF 00000001 FFFF")] // a negative version
    [InlineData("0001 0004 00000001 FFFE")] // a negative length
    [InlineData("0001 0004 00000001 0002 61")]
    [InlineData("0001 00")]
    [InlineData("")]
    public void A_header_that_cannot_be_right_is_refused(string hex)
    {
        WireReader reader = new(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));
        Assert.False(RequestHeaderView.TryRead(ref reader, out _));
        Assert.False(reader.IsValid);
    }

    [Theory]
    [InlineData(ApiKey.Produce, 8, 1, 0)]
    [InlineData(ApiKey.Produce, 9, 2, 1)]
    [InlineData(ApiKey.SaslHandshake, 1, 1, 0)]
    [InlineData(ApiKey.ApiVersions, 2, 1, 0)]
    [InlineData(ApiKey.ApiVersions, 3, 2, 0)]
    [InlineData(ApiKey.ApiVersions, 99, 2, 0)]
    [InlineData(ApiKey.DescribeCluster, 0, 2, 1)]
    public void The_header_versions_follow_the_flexible_versions(
        ApiKey key,
        short version,
        short request,
        short response
    )
    {
        Assert.Equal(request, ApiKeys.RequestHeaderVersion(key, version));
        Assert.Equal(response, ApiKeys.ResponseHeaderVersion(key, version));
    }

    [Fact]
    public void The_table_of_apis_knows_removed_and_unstable_ones()
    {
        Assert.True(ApiKeys.IsKnown(ApiKey.LeaderAndIsr));
        Assert.False(ApiKeys.IsSupported(ApiKey.LeaderAndIsr, 0));
        Assert.Equal(-1, ApiKeys.HighestVersion(ApiKey.LeaderAndIsr));
        Assert.False(ApiKeys.IsKnown((ApiKey)ApiKeys.Count) || ApiKeys.IsKnown((ApiKey)(-1)));
        Assert.Equal(
            (6, 5),
            (ApiKeys.HighestVersion(ApiKey.InitProducerId), ApiKeys.HighestStableVersion(ApiKey.InitProducerId))
        );
        Assert.Equal(("Fetch", "999"), (ApiKeys.Name(ApiKey.Fetch), ApiKeys.Name((ApiKey)999)));
        Assert.Equal(
            (12, short.MaxValue),
            (ApiKeys.FlexibleSince(ApiKey.Fetch), ApiKeys.FlexibleSince(ApiKey.OffsetDelete))
        );
    }
}
