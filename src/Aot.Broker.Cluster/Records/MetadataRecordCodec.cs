using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Cluster;

/// <summary>
/// A metadata record as the value of a log record: frame version 1, type and version as unsigned varints, then the
/// message. The key of the log record is null.
/// </summary>
public static class MetadataRecordCodec
{
    private const uint FrameVersion = 1;

    public static byte[] Encode(in MetadataRecord record)
    {
        uint type = (uint)TypeOf(record.Message);
        uint version = (uint)record.Version;
        int head =
            WireWriter.UVarintSize(FrameVersion) + WireWriter.UVarintSize(type) + WireWriter.UVarintSize(version);
        byte[] bytes = new byte[head + record.Message.Measure(record.Version)];
        WireWriter writer = new(bytes);
        writer.WriteUVarint(FrameVersion);
        writer.WriteUVarint(type);
        writer.WriteUVarint(version);
        record.Message.Write(ref writer, record.Version);
        return bytes;
    }

    /// <exception cref="MetadataLogException">Bytes of a newer version, of an unknown type, or of no record at all.</exception>
    public static MetadataRecord Decode(ReadOnlySpan<byte> value, long offset)
    {
        WireReader reader = new(value);
        uint frame = reader.ReadUVarint();
        uint type = reader.ReadUVarint();
        uint version = reader.ReadUVarint();
        if (!reader.IsValid || frame != FrameVersion || type > short.MaxValue || version > short.MaxValue)
        {
            throw new MetadataLogException($"metadata record at offset {offset} has no valid frame (version {frame})");
        }
        if (!Enum.IsDefined((MetadataRecordType)type))
        {
            throw new MetadataLogException(
                $"metadata record at offset {offset} has type {type}, which this version does not know"
            );
        }
        if ((short)version > VersionMax((MetadataRecordType)type))
        {
            throw new MetadataLogException(
                $"{(MetadataRecordType)type} record at offset {offset} has version {version}, newer than this version knows"
            );
        }
        IWireMessage? message = Read((MetadataRecordType)type, (short)version, ref reader);
        if (message is null || !reader.IsValid || reader.Remaining != 0)
        {
            throw new MetadataLogException($"{(MetadataRecordType)type} record at offset {offset} is malformed");
        }
        return new MetadataRecord(message, (short)version);
    }

    public static MetadataRecordType TypeOf(IWireMessage message) =>
        message switch
        {
            RegisterBrokerRecord => MetadataRecordType.RegisterBroker,
            UnregisterBrokerRecord => MetadataRecordType.UnregisterBroker,
            TopicRecord => MetadataRecordType.Topic,
            PartitionRecord => MetadataRecordType.Partition,
            ConfigRecord => MetadataRecordType.Config,
            PartitionChangeRecord => MetadataRecordType.PartitionChange,
            FenceBrokerRecord => MetadataRecordType.FenceBroker,
            UnfenceBrokerRecord => MetadataRecordType.UnfenceBroker,
            RemoveTopicRecord => MetadataRecordType.RemoveTopic,
            DelegationTokenRecord => MetadataRecordType.DelegationToken,
            UserScramCredentialRecord => MetadataRecordType.UserScramCredential,
            FeatureLevelRecord => MetadataRecordType.FeatureLevel,
            ClientQuotaRecord => MetadataRecordType.ClientQuota,
            ProducerIdsRecord => MetadataRecordType.ProducerIds,
            BrokerRegistrationChangeRecord => MetadataRecordType.BrokerRegistrationChange,
            AccessControlEntryRecord => MetadataRecordType.AccessControlEntry,
            RemoveAccessControlEntryRecord => MetadataRecordType.RemoveAccessControlEntry,
            NoOpRecord => MetadataRecordType.NoOp,
            ZkMigrationStateRecord => MetadataRecordType.ZkMigrationState,
            RemoveUserScramCredentialRecord => MetadataRecordType.RemoveUserScramCredential,
            BeginTransactionRecord => MetadataRecordType.BeginTransaction,
            EndTransactionRecord => MetadataRecordType.EndTransaction,
            AbortTransactionRecord => MetadataRecordType.AbortTransaction,
            RemoveDelegationTokenRecord => MetadataRecordType.RemoveDelegationToken,
            RegisterControllerRecord => MetadataRecordType.RegisterController,
            ClearElrRecord => MetadataRecordType.ClearElr,
            UnregisterControllerRecord => MetadataRecordType.UnregisterController,
            _ => throw new ArgumentException(message.GetType().Name, nameof(message)),
        };

    private static short VersionMax(MetadataRecordType type) =>
        type switch
        {
            MetadataRecordType.RegisterBroker => 4,
            MetadataRecordType.Partition => 2,
            MetadataRecordType.PartitionChange => 2,
            MetadataRecordType.BrokerRegistrationChange => 3,
            _ => 0,
        };

    private static IWireMessage? Read(MetadataRecordType type, short version, ref WireReader reader) =>
        type switch
        {
            MetadataRecordType.RegisterBroker => Take(
                RegisterBrokerRecord.TryRead(ref reader, version, out RegisterBrokerRecord? m0),
                m0
            ),
            MetadataRecordType.UnregisterBroker => Take(
                UnregisterBrokerRecord.TryRead(ref reader, version, out UnregisterBrokerRecord? m1),
                m1
            ),
            MetadataRecordType.Topic => Take(TopicRecord.TryRead(ref reader, version, out TopicRecord? m2), m2),
            MetadataRecordType.Partition => Take(
                PartitionRecord.TryRead(ref reader, version, out PartitionRecord? m3),
                m3
            ),
            MetadataRecordType.Config => Take(ConfigRecord.TryRead(ref reader, version, out ConfigRecord? m4), m4),
            MetadataRecordType.PartitionChange => Take(
                PartitionChangeRecord.TryRead(ref reader, version, out PartitionChangeRecord? m5),
                m5
            ),
            MetadataRecordType.FenceBroker => Take(
                FenceBrokerRecord.TryRead(ref reader, version, out FenceBrokerRecord? m7),
                m7
            ),
            MetadataRecordType.UnfenceBroker => Take(
                UnfenceBrokerRecord.TryRead(ref reader, version, out UnfenceBrokerRecord? m8),
                m8
            ),
            MetadataRecordType.RemoveTopic => Take(
                RemoveTopicRecord.TryRead(ref reader, version, out RemoveTopicRecord? m9),
                m9
            ),
            MetadataRecordType.DelegationToken => Take(
                DelegationTokenRecord.TryRead(ref reader, version, out DelegationTokenRecord? m10),
                m10
            ),
            MetadataRecordType.UserScramCredential => Take(
                UserScramCredentialRecord.TryRead(ref reader, version, out UserScramCredentialRecord? m11),
                m11
            ),
            MetadataRecordType.FeatureLevel => Take(
                FeatureLevelRecord.TryRead(ref reader, version, out FeatureLevelRecord? m12),
                m12
            ),
            MetadataRecordType.ClientQuota => Take(
                ClientQuotaRecord.TryRead(ref reader, version, out ClientQuotaRecord? m14),
                m14
            ),
            MetadataRecordType.ProducerIds => Take(
                ProducerIdsRecord.TryRead(ref reader, version, out ProducerIdsRecord? m15),
                m15
            ),
            MetadataRecordType.BrokerRegistrationChange => Take(
                BrokerRegistrationChangeRecord.TryRead(ref reader, version, out BrokerRegistrationChangeRecord? m17),
                m17
            ),
            MetadataRecordType.AccessControlEntry => Take(
                AccessControlEntryRecord.TryRead(ref reader, version, out AccessControlEntryRecord? m18),
                m18
            ),
            MetadataRecordType.RemoveAccessControlEntry => Take(
                RemoveAccessControlEntryRecord.TryRead(ref reader, version, out RemoveAccessControlEntryRecord? m19),
                m19
            ),
            MetadataRecordType.NoOp => Take(NoOpRecord.TryRead(ref reader, version, out NoOpRecord? m20), m20),
            MetadataRecordType.ZkMigrationState => Take(
                ZkMigrationStateRecord.TryRead(ref reader, version, out ZkMigrationStateRecord? m21),
                m21
            ),
            MetadataRecordType.RemoveUserScramCredential => Take(
                RemoveUserScramCredentialRecord.TryRead(ref reader, version, out RemoveUserScramCredentialRecord? m22),
                m22
            ),
            MetadataRecordType.BeginTransaction => Take(
                BeginTransactionRecord.TryRead(ref reader, version, out BeginTransactionRecord? m23),
                m23
            ),
            MetadataRecordType.EndTransaction => Take(
                EndTransactionRecord.TryRead(ref reader, version, out EndTransactionRecord? m24),
                m24
            ),
            MetadataRecordType.AbortTransaction => Take(
                AbortTransactionRecord.TryRead(ref reader, version, out AbortTransactionRecord? m25),
                m25
            ),
            MetadataRecordType.RemoveDelegationToken => Take(
                RemoveDelegationTokenRecord.TryRead(ref reader, version, out RemoveDelegationTokenRecord? m26),
                m26
            ),
            MetadataRecordType.RegisterController => Take(
                RegisterControllerRecord.TryRead(ref reader, version, out RegisterControllerRecord? m27),
                m27
            ),
            MetadataRecordType.ClearElr => Take(
                ClearElrRecord.TryRead(ref reader, version, out ClearElrRecord? m28),
                m28
            ),
            MetadataRecordType.UnregisterController => Take(
                UnregisterControllerRecord.TryRead(ref reader, version, out UnregisterControllerRecord? m29),
                m29
            ),
            _ => null,
        };

    private static IWireMessage? Take(bool isValid, IWireMessage? message) => isValid ? message : null;
}
