using Aot.Broker.Cluster;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Dump;

/// <summary>What the records of a log are.</summary>
public enum RecordKind
{
    /// <summary>Bytes of clients.</summary>
    Plain,
    Metadata,
    Offsets,
    Transactions,
    Share,
}

/// <summary>
/// The records of the internal topics with the names of their fields. What cannot be decoded (a newer version, damage)
/// is shown as bytes.
/// </summary>
public static class RecordDecoder
{
    public const string Choices = "auto|none|metadata|offsets|transactions|share";

    /// <summary>By the name of the directory that a file is in.</summary>
    public static RecordKind KindOf(string directory) =>
        !LogFileNames.TryParsePartitionDirectory(directory, out TopicPartition name)
            ? RecordKind.Plain
            : name.Topic switch
            {
                "__cluster_metadata" => RecordKind.Metadata,
                "__consumer_offsets" => RecordKind.Offsets,
                "__transaction_state" => RecordKind.Transactions,
                "__share_group_state" => RecordKind.Share,
                _ => RecordKind.Plain,
            };

    /// <summary>False: <paramref name="name"/> is none of <see cref="Choices"/>. Null is by the directory.</summary>
    public static bool TryParse(string name, out RecordKind? kind)
    {
        kind = name switch
        {
            "none" => RecordKind.Plain,
            "metadata" => RecordKind.Metadata,
            "offsets" => RecordKind.Offsets,
            "transactions" => RecordKind.Transactions,
            "share" => RecordKind.Share,
            _ => null,
        };
        return kind is not null || name == "auto";
    }

    /// <summary>Writes the fields <c>key</c> and <c>value</c> of a record.</summary>
    public static void Write(DumpWriter writer, RecordKind kind, NullableBytes key, NullableBytes value, long offset)
    {
        if (kind == RecordKind.Metadata)
        {
            writer.Payload("key", key);
            WriteMetadata(writer, value, offset);
            return;
        }
        if (kind == RecordKind.Plain || key.Length < sizeof(short))
        {
            writer.Payload("key", key);
            writer.Payload("value", value);
            return;
        }
        WireReader reader = new(key.Span);
        short type = reader.ReadInt16();
        // A coordinator's key has version 0 always; its first number is the type of the record.
        if (CoordinatorRecords.ReadKey(kind, type, ref reader) is not { } decodedKey || reader.Remaining != 0)
        {
            writer.Payload("key", key);
            writer.Payload("value", value);
            return;
        }
        writer.Name("key");
        writer.BeginObject();
        writer.Field("type", type);
        writer.Field("name", decodedKey.MessageName[..^"Key".Length]);
        writer.Name("data");
        writer.Message(decodedKey, 0);
        writer.EndObject();
        WriteValue(writer, kind, type, value);
    }

    private static void WriteValue(DumpWriter writer, RecordKind kind, short type, NullableBytes value)
    {
        if (value.Length >= sizeof(short))
        {
            WireReader reader = new(value.Span);
            short version = reader.ReadInt16();
            if (CoordinatorRecords.ReadValue(kind, type, version, ref reader) is { } decoded && reader.Remaining == 0)
            {
                writer.Name("value");
                writer.BeginObject();
                writer.Field("version", version);
                writer.Name("data");
                writer.Message(decoded, version);
                writer.EndObject();
                return;
            }
        }
        writer.Payload("value", value);
    }

    private static void WriteMetadata(DumpWriter writer, NullableBytes value, long offset)
    {
        MetadataRecord record;
        try
        {
            record = MetadataRecordCodec.Decode(value.Span, offset);
        }
        catch (MetadataLogException problem)
        {
            writer.Payload("value", value);
            writer.Field("notDecoded", problem.Message);
            return;
        }
        IDescribedMessage message = (IDescribedMessage)record.Message;
        writer.Name("value");
        writer.BeginObject();
        writer.Field("type", TypeName(message.MessageName));
        writer.Field("version", record.Version);
        writer.Name("data");
        writer.Message(message, record.Version);
        writer.EndObject();
    }

    /// <summary><c>PartitionChangeRecord</c> is <c>PARTITION_CHANGE_RECORD</c>, as Apache Kafka's tools write it.</summary>
    private static string TypeName(string messageName)
    {
        System.Text.StringBuilder name = new();
        foreach (char c in messageName)
        {
            name.Append(char.IsUpper(c) && name.Length > 0 ? "_" : "").Append(char.ToUpperInvariant(c));
        }
        return name.ToString();
    }

    /// <summary>Writes the type of a control record, and what its value says, as fields.</summary>
    public static void WriteControl(DumpWriter writer, NullableBytes key, NullableBytes value)
    {
        if (!ControlRecord.TryReadType(key, out ControlRecordType type))
        {
            writer.Payload("key", key);
            writer.Payload("value", value);
            return;
        }
        writer.Field("control", type.ToString());
        if (type is ControlRecordType.Abort or ControlRecordType.Commit)
        {
            if (ControlRecord.TryReadEndTransaction(value, out int coordinatorEpoch))
            {
                writer.Field("coordinatorEpoch", coordinatorEpoch);
                return;
            }
        }
        else if (value.Length >= sizeof(short))
        {
            // These messages begin with their own version, which is the version that they are in.
            short version = System.Buffers.Binary.BinaryPrimitives.ReadInt16BigEndian(value.Span);
            WireReader reader = new(value.Span);
            IDescribedMessage? message = type switch
            {
                ControlRecordType.LeaderChange => CoordinatorRecords.Read<LeaderChangeMessage>(ref reader, version),
                ControlRecordType.SnapshotHeader => CoordinatorRecords.Read<SnapshotHeaderRecord>(ref reader, version),
                ControlRecordType.SnapshotFooter => CoordinatorRecords.Read<SnapshotFooterRecord>(ref reader, version),
                ControlRecordType.KRaftVersion => CoordinatorRecords.Read<KRaftVersionRecord>(ref reader, version),
                ControlRecordType.KRaftVoters => CoordinatorRecords.Read<VotersRecord>(ref reader, version),
                _ => null,
            };
            if (message is not null)
            {
                writer.Name("value");
                writer.Message(message, version);
                return;
            }
        }
        writer.Payload("value", value);
    }
}
