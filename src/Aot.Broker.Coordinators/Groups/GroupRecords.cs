using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// The records of <c>__consumer_offsets</c> that classic groups and offsets are made of, in Apache Kafka's own form:
/// a key starts with its record type, a value with its version.
/// </summary>
public static class GroupRecords
{
    public const short LegacyOffsetCommitType = 0;
    public const short OffsetCommitType = 1;
    public const short GroupMetadataType = 2;

    private const short KeyVersion = 0;
    private const short OffsetValueVersion = 4;
    private const short OffsetValueVersionWithExpiry = 1;
    private const short GroupValueVersion = 3;

    public static byte[] OffsetKey(string groupId, in TopicPartition partition)
    {
        OffsetCommitKey key = new()
        {
            Group = groupId,
            Topic = partition.Topic,
            Partition = partition.Partition,
        };
        byte[] bytes = new byte[sizeof(short) + key.Measure(KeyVersion)];
        WireWriter writer = new(bytes);
        writer.WriteInt16(OffsetCommitType);
        key.Write(ref writer, KeyVersion);
        return bytes;
    }

    public static byte[] OffsetValue(in CommittedOffset offset)
    {
        // Only the old form can say when an offset is to be forgotten.
        short version = offset.ExpireTimestampMs >= 0 ? OffsetValueVersionWithExpiry : OffsetValueVersion;
        OffsetCommitValue value = new()
        {
            Offset = offset.Offset,
            LeaderEpoch = offset.LeaderEpoch,
            Metadata = offset.Metadata,
            CommitTimestamp = offset.CommitTimestampMs,
            ExpireTimestamp = offset.ExpireTimestampMs,
            TopicId = offset.TopicId,
        };
        byte[] bytes = new byte[sizeof(short) + value.Measure(version)];
        WireWriter writer = new(bytes);
        writer.WriteInt16(version);
        value.Write(ref writer, version);
        return bytes;
    }

    public static byte[] GroupKey(string groupId)
    {
        GroupMetadataKey key = new() { Group = groupId };
        byte[] bytes = new byte[sizeof(short) + key.Measure(KeyVersion)];
        WireWriter writer = new(bytes);
        writer.WriteInt16(GroupMetadataType);
        key.Write(ref writer, KeyVersion);
        return bytes;
    }

    /// <summary>The group as it is now, except for assignments that are still on their way: those come from the caller.</summary>
    public static byte[] GroupValue(ClassicGroup group, IReadOnlyDictionary<string, byte[]> assignments)
    {
        List<GroupMetadataValue.MemberMetadata> members = [];
        foreach (ClassicMember member in group.Members)
        {
            members.Add(
                new GroupMetadataValue.MemberMetadata
                {
                    MemberId = member.MemberId,
                    GroupInstanceId = member.InstanceId,
                    ClientId = member.ClientId,
                    ClientHost = member.ClientHost,
                    RebalanceTimeout = member.RebalanceTimeoutMs,
                    SessionTimeout = member.SessionTimeoutMs,
                    Subscription = member.MetadataOf(group.ProtocolName),
                    Assignment = assignments.GetValueOrDefault(member.MemberId, []),
                }
            );
        }
        GroupMetadataValue value = new()
        {
            ProtocolType = group.ProtocolType ?? "",
            Generation = group.Generation,
            Protocol = group.ProtocolName,
            Leader = group.Members.Count == 0 ? null : group.LeaderId,
            CurrentStateTimestamp = group.StateTimestampMs,
            Members = [.. members],
        };
        byte[] bytes = new byte[sizeof(short) + value.Measure(GroupValueVersion)];
        WireWriter writer = new(bytes);
        writer.WriteInt16(GroupValueVersion);
        value.Write(ref writer, GroupValueVersion);
        return bytes;
    }

    /// <summary>The type that a key starts with; -1 when it is too short to have one.</summary>
    public static short TypeOf(ReadOnlySpan<byte> key)
    {
        WireReader reader = new(key);
        short type = reader.ReadInt16();
        return reader.IsValid ? type : (short)-1;
    }

    public static bool TryReadOffsetKey(ReadOnlySpan<byte> key, out string groupId, out TopicPartition partition)
    {
        WireReader reader = new(key);
        reader.ReadInt16();
        bool read = OffsetCommitKey.TryRead(ref reader, KeyVersion, out OffsetCommitKey message);
        groupId = read ? message.Group : "";
        partition = read ? new TopicPartition(message.Topic, message.Partition) : default;
        return read;
    }

    public static bool TryReadOffsetValue(ReadOnlySpan<byte> value, out CommittedOffset offset)
    {
        WireReader reader = new(value);
        short version = reader.ReadInt16();
        offset = default;
        if (
            version is < OffsetCommitValue.LowestVersion or > OffsetCommitValue.HighestVersion
            || !OffsetCommitValue.TryRead(ref reader, version, out OffsetCommitValue message)
        )
        {
            return false;
        }
        offset = new CommittedOffset(
            message.Offset,
            message.LeaderEpoch,
            message.Metadata,
            message.CommitTimestamp,
            message.ExpireTimestamp,
            message.TopicId
        );
        return true;
    }

    public static bool TryReadGroupKey(ReadOnlySpan<byte> key, out string groupId)
    {
        WireReader reader = new(key);
        reader.ReadInt16();
        bool read = GroupMetadataKey.TryRead(ref reader, KeyVersion, out GroupMetadataKey message);
        groupId = read ? message.Group : "";
        return read;
    }

    public static bool TryReadGroupValue(ReadOnlySpan<byte> bytes, out GroupMetadataValue value)
    {
        WireReader reader = new(bytes);
        short version = reader.ReadInt16();
        if (version is < GroupMetadataValue.LowestVersion or > GroupMetadataValue.HighestVersion)
        {
            value = new GroupMetadataValue();
            return false;
        }
        return GroupMetadataValue.TryRead(ref reader, version, out value);
    }
}
