using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.Tests;

public sealed class ReplayedRecordTests
{
    private static readonly byte[] s_key = RecordBytes.Key(
        ConsumerGroupMetadataKey.RecordType,
        new ConsumerGroupMetadataKey { GroupId = "g" }
    );

    private static readonly byte[] s_value = RecordBytes.Value(new ConsumerGroupMetadataValue { Epoch = 7 }, 0);

    [Fact]
    public void A_record_is_applied_with_its_key_and_its_value() =>
        Assert.Equal((true, "g: 7"), Read(s_key, s_value, isTombstone: false));

    [Fact]
    public void A_tombstone_is_applied_without_a_value() =>
        Assert.Equal((true, "g: nothing"), Read(s_key, [], isTombstone: true));

    /// <summary>A newer broker wrote it: what its bytes would mean in version 0 is not what they mean.</summary>
    [Fact]
    public void A_value_of_another_version_is_not_applied() =>
        Assert.Equal((false, ""), Read(s_key, [0, 1, .. s_value[2..]], isTombstone: false));

    [Fact]
    public void Bytes_that_end_too_early_are_not_applied()
    {
        Assert.Equal((false, ""), Read(s_key, s_value[..^2], isTombstone: false));
        Assert.Equal((false, ""), Read(s_key[..^1], s_value, isTombstone: false));
    }

    private static (bool IsRead, string Applied) Read(byte[] key, byte[] value, bool isTombstone)
    {
        string applied = "";
        ReplayedRecord record = new(ConsumerGroupMetadataKey.RecordType, key, value, isTombstone);
        bool isRead = record.Read<ConsumerGroupMetadataKey, ConsumerGroupMetadataValue>(
            null!,
            (_, readKey, readValue) => applied = $"{readKey.GroupId}: {readValue?.Epoch.ToString() ?? "nothing"}"
        );
        return (isRead, applied);
    }
}
