using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Cluster;

/// <summary>The type numbers of the records in the metadata log.</summary>
public enum MetadataRecordType : short
{
    RegisterBroker = 0,
    UnregisterBroker = 1,
    Topic = 2,
    Partition = 3,
    Config = 4,
    PartitionChange = 5,
    FenceBroker = 7,
    UnfenceBroker = 8,
    RemoveTopic = 9,
    DelegationToken = 10,
    UserScramCredential = 11,
    FeatureLevel = 12,
    ClientQuota = 14,
    ProducerIds = 15,
    BrokerRegistrationChange = 17,
    AccessControlEntry = 18,
    RemoveAccessControlEntry = 19,
    NoOp = 20,
    ZkMigrationState = 21,
    RemoveUserScramCredential = 22,
    BeginTransaction = 23,
    EndTransaction = 24,
    AbortTransaction = 25,
    RemoveDelegationToken = 26,
    RegisterController = 27,
    ClearElr = 28,
    UnregisterController = 29,
}

/// <summary>
/// A record of the metadata log: the generated message and the version that it is written in, which follows from the
/// cluster's metadata.version.
/// </summary>
public readonly record struct MetadataRecord(IWireMessage Message, short Version);

/// <summary>
/// The metadata log says something that this node cannot understand or that contradicts itself. There is no safe way
/// to go on: the state after it would be a guess. The process stops with this message.
/// </summary>
public sealed class MetadataLogException(string message) : Exception(message);
