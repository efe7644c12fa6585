using System.Collections.Immutable;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>
/// The change from one image to the next: records are replayed into it, then <see cref="Apply"/> makes the new image.
/// Listeners read from it what changed, so that their work is proportional to the change and not to the cluster.
/// Used by one core at a time; not changed any more once listeners see it.
/// </summary>
public sealed class MetadataDelta
{
    private ImmutableSortedDictionary<string, short>.Builder? _features;
    private long? _nextProducerId;
    private sbyte? _zkMigrationState;
    private short? _kraftVersion;
    private VoterImage[]? _voters;

    public MetadataDelta(MetadataImage image) => Image = image;

    /// <summary>The image before.</summary>
    public MetadataImage Image { get; }

    /// <summary>Null where nothing of the kind happened; so with the others.</summary>
    public TopicsDelta? Topics { get; private set; }
    public ClusterDelta? Cluster { get; private set; }
    public ConfigDelta? Configs { get; private set; }
    public SecurityDelta? Security { get; private set; }
    public bool FeaturesChanged => _features is not null;

    private TopicsDelta TopicsHere => Topics ??= new TopicsDelta(Image);
    private ClusterDelta ClusterHere => Cluster ??= new ClusterDelta(Image);
    private ConfigDelta ConfigsHere => Configs ??= new ConfigDelta(Image.Configs);
    private SecurityDelta SecurityHere => Security ??= new SecurityDelta(Image);

    /// <summary>Adds one record. Contradictions and unknown types are fatal: <see cref="MetadataLogException"/>.</summary>
    public void Replay(in MetadataRecord record)
    {
        if (!ReplayTopic(record.Message) && !ReplayCluster(record.Message) && !ReplaySecurity(record.Message))
        {
            throw new MetadataLogException($"record {record.Message.GetType().Name} has no meaning here");
        }
    }

    /// <summary>The version of the quorum's own records, from a control record.</summary>
    internal void ReplayKRaftVersion(short version) => _kraftVersion = version;

    /// <summary>The voters, from a control record.</summary>
    internal void ReplayVoters(VoterImage[] voters) => _voters = voters;

    /// <summary>The image after all records so far.</summary>
    public MetadataImage Apply(long offset, int epoch, long timestampMs)
    {
        MetadataImage image = Image with { Offset = offset, Epoch = epoch, TimestampMs = timestampMs };
        image = Topics?.Apply(image) ?? image;
        image = Cluster?.Apply(image) ?? image;
        image = Configs?.Apply(image) ?? image;
        image = Security?.Apply(image) ?? image;
        if (_features is not null)
        {
            image = image with { Features = new FeaturesImage(_features.ToImmutable()) };
        }
        return image with
        {
            NextProducerId = _nextProducerId ?? image.NextProducerId,
            ZkMigrationState = _zkMigrationState ?? image.ZkMigrationState,
            KRaftVersion = _kraftVersion ?? image.KRaftVersion,
            Voters = _voters ?? image.Voters,
        };
    }

    private bool ReplayTopic(object message)
    {
        switch (message)
        {
            case TopicRecord record:
                TopicsHere.Replay(record);
                return true;
            case PartitionRecord record:
                TopicsHere.Replay(record, MetadataLimits.PartitionsPerTopicMax);
                return true;
            case PartitionChangeRecord record:
                TopicsHere.Replay(record);
                return true;
            case RemoveTopicRecord record:
                ConfigsHere.TopicIsGone(TopicsHere.Replay(record));
                return true;
            case ClearElrRecord record:
                TopicsHere.Replay(record);
                return true;
            case ConfigRecord record:
                ConfigsHere.Replay(record);
                return true;
            default:
                return false;
        }
    }

    private bool ReplayCluster(object message)
    {
        switch (message)
        {
            case RegisterBrokerRecord record:
                ClusterHere.Replay(record);
                return true;
            case UnregisterBrokerRecord record:
                ClusterHere.Replay(record);
                return true;
            case BrokerRegistrationChangeRecord record:
                ClusterHere.Replay(record);
                return true;
            case FenceBrokerRecord record:
                ClusterHere.Replay(record);
                return true;
            case UnfenceBrokerRecord record:
                ClusterHere.Replay(record);
                return true;
            case RegisterControllerRecord record:
                ClusterHere.Replay(record);
                return true;
            case UnregisterControllerRecord record:
                ClusterHere.Replay(record);
                return true;
            case FeatureLevelRecord record:
                Replay(record);
                return true;
            case ProducerIdsRecord record:
                _nextProducerId = record.NextProducerId;
                return true;
            case ZkMigrationStateRecord record:
                _zkMigrationState = record.ZkMigrationState;
                return true;
            case NoOpRecord:
                return true;
            default:
                return false;
        }
    }

    private bool ReplaySecurity(object message)
    {
        switch (message)
        {
            case ClientQuotaRecord record:
                SecurityHere.Replay(record);
                return true;
            case UserScramCredentialRecord record:
                SecurityHere.Replay(record);
                return true;
            case RemoveUserScramCredentialRecord record:
                SecurityHere.Replay(record);
                return true;
            case AccessControlEntryRecord record:
                SecurityHere.Replay(record);
                return true;
            case RemoveAccessControlEntryRecord record:
                SecurityHere.Replay(record);
                return true;
            case DelegationTokenRecord record:
                SecurityHere.Replay(record);
                return true;
            case RemoveDelegationTokenRecord record:
                SecurityHere.Replay(record);
                return true;
            default:
                return false;
        }
    }

    private void Replay(FeatureLevelRecord record)
    {
        if (record.Name == Features.MetadataVersion && !MetadataVersions.IsKnown(record.FeatureLevel))
        {
            throw new MetadataLogException(
                $"metadata.version {record.FeatureLevel} is outside {MetadataVersions.Lowest}-{MetadataVersions.Latest}"
            );
        }
        _features ??= Image.Features.Finalized.ToBuilder();
        if (record.FeatureLevel == 0)
        {
            _features.Remove(record.Name);
        }
        else
        {
            _features[record.Name] = record.FeatureLevel;
        }
    }
}

/// <summary>Bounds of the metadata log that are not settings.</summary>
public static class MetadataLimits
{
    /// <summary>Partitions of one topic: far above what one cluster can hold, far below what would exhaust memory.</summary>
    public const int PartitionsPerTopicMax = 1_000_000;

    /// <summary>Records of one atomic change, as Apache Kafka's controller bounds them.</summary>
    public const int RecordsPerChangeMax = 10_000;
}
