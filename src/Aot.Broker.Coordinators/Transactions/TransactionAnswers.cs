using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>The answer to a producer that asked for its identity.</summary>
public readonly record struct ProducerIdentity(ErrorCode Error, long ProducerId, short ProducerEpoch)
{
    public static ProducerIdentity Refuse(ErrorCode error) =>
        new(error, TransactionMetadata.NoProducerId, TransactionMetadata.NoEpoch);
}

/// <summary>Who speaks, in every request about an open transaction.</summary>
public readonly record struct TransactionCaller(string TransactionalId, long ProducerId, short ProducerEpoch);

/// <summary>An error for each partition that was asked about.</summary>
public sealed class PartitionErrors : Dictionary<TopicPartition, ErrorCode>
{
    public static PartitionErrors All(IEnumerable<TopicPartition> partitions, ErrorCode error)
    {
        PartitionErrors all = [];
        foreach (TopicPartition partition in partitions)
        {
            all[partition] = error;
        }
        return all;
    }
}
