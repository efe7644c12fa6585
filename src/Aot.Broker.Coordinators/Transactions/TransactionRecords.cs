using System.Collections.Immutable;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>
/// The records of <c>__transaction_state</c> in Apache Kafka's own form: a key starts with its record type, a value with its
/// version.
/// </summary>
public static class TransactionRecords
{
    private const short KeyType = 0;
    private const short KeyVersion = 0;
    private const short FirstFlexible = 1;

    public static byte[] Key(string transactionalId)
    {
        TransactionLogKey key = new() { TransactionalId = transactionalId };
        byte[] bytes = new byte[sizeof(short) + key.Measure(KeyVersion)];
        WireWriter writer = new(bytes);
        writer.WriteInt16(KeyType);
        key.Write(ref writer, KeyVersion);
        return bytes;
    }

    /// <summary>
    /// The value. Version 1 needs <c>transaction.version</c> 1 or later: brokers of the older level cannot read it, and what
    /// only it can hold is left out of version 0.
    /// </summary>
    public static byte[] Value(TransactionMetadata metadata, bool flexible)
    {
        TransactionLogValue value = new()
        {
            ProducerId = metadata.ProducerId,
            ProducerEpoch = metadata.ProducerEpoch,
            TransactionTimeoutMs = metadata.TimeoutMs,
            TransactionStatus = (sbyte)metadata.State,
            TransactionPartitions = metadata.State == TransactionState.Empty ? null : PartitionsOf(metadata),
            TransactionLastUpdateTimestampMs = metadata.UpdatedMs,
            TransactionStartTimestampMs = metadata.StartMs,
        };
        short version = 0;
        if (flexible)
        {
            version = FirstFlexible;
            value.PreviousProducerId = metadata.PreviousProducerId;
            value.NextProducerId = metadata.NextProducerId;
            value.ClientTransactionVersion = metadata.ClientVersion;
        }
        byte[] bytes = new byte[sizeof(short) + value.Measure(version)];
        WireWriter writer = new(bytes);
        writer.WriteInt16(version);
        value.Write(ref writer, version);
        return bytes;
    }

    /// <summary>False: a key of a type that this broker does not know, or no key at all.</summary>
    public static bool TryReadKey(ReadOnlySpan<byte> key, out string transactionalId)
    {
        transactionalId = "";
        WireReader reader = new(key);
        if (
            reader.ReadInt16() != KeyType
            || !TransactionLogKey.TryRead(ref reader, KeyVersion, out TransactionLogKey message)
        )
        {
            return false;
        }
        transactionalId = message.TransactionalId;
        return true;
    }

    public static bool TryReadValue(string transactionalId, ReadOnlySpan<byte> value, out TransactionMetadata metadata)
    {
        metadata = null!;
        WireReader reader = new(value);
        short version = reader.ReadInt16();
        if (
            version is < TransactionLogValue.LowestVersion or > TransactionLogValue.HighestVersion
            || !TransactionLogValue.TryRead(ref reader, version, out TransactionLogValue message)
            || message.TransactionStatus is < (sbyte)TransactionState.Empty or > (sbyte)TransactionState.Dead
        )
        {
            return false;
        }
        ImmutableHashSet<TopicPartition>.Builder partitions = ImmutableHashSet.CreateBuilder<TopicPartition>();
        foreach (TransactionLogValue.PartitionsSchema topic in message.TransactionPartitions ?? [])
        {
            foreach (int partition in topic.PartitionIds)
            {
                partitions.Add(new TopicPartition(topic.Topic, partition));
            }
        }
        metadata = new TransactionMetadata
        {
            TransactionalId = transactionalId,
            ProducerId = message.ProducerId,
            PreviousProducerId = message.PreviousProducerId,
            NextProducerId = message.NextProducerId,
            ProducerEpoch = message.ProducerEpoch,
            TimeoutMs = message.TransactionTimeoutMs,
            State = (TransactionState)message.TransactionStatus,
            Partitions = partitions.ToImmutable(),
            StartMs = message.TransactionStartTimestampMs,
            UpdatedMs = message.TransactionLastUpdateTimestampMs,
            ClientVersion = message.ClientTransactionVersion,
        };
        return true;
    }

    private static List<TransactionLogValue.PartitionsSchema> PartitionsOf(TransactionMetadata metadata) =>
        [
            .. metadata
                .Partitions.GroupBy(partition => partition.Topic)
                .OrderBy(topic => topic.Key, StringComparer.Ordinal)
                .Select(topic => new TransactionLogValue.PartitionsSchema
                {
                    Topic = topic.Key,
                    PartitionIds = [.. topic.Select(partition => partition.Partition).Order()],
                }),
        ];
}
