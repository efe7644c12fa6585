using System.Collections.Immutable;
using Aot.Broker.Base;

namespace Aot.Broker.Cluster;

/// <summary>
/// The state of the cluster after the metadata log up to <see cref="Offset"/>: topics, brokers, features, settings,
/// quotas, credentials, access rules. Immutable and made of sorted persistent maps, so that a small change shares
/// almost everything with the image before it, and every core reads its own reference without locks.
///
/// Made only by <see cref="MetadataDelta.Apply"/>. What a handler needs repeatedly it takes once from
/// <see cref="MetadataView.Image"/>, so that one answer comes from one image.
/// </summary>
public sealed record MetadataImage
{
    public static MetadataImage Empty { get; } = new();

    private MetadataImage() { }

    /// <summary>Offset of the last record contained; -1 before the first.</summary>
    public long Offset { get; init; } = -1;

    /// <summary>Epoch of the quorum in which that record was written.</summary>
    public int Epoch { get; init; }

    /// <summary>Time of the last batch contained.</summary>
    public long TimestampMs { get; init; }
    public string ClusterId { get; init; } = "";

    /// <summary>The active controller; -1 when unknown.</summary>
    public int ControllerId { get; init; } = -1;

    // Made when first asked for; a new image from this one drops them with the map that they were made of. Two cores
    // may make the same one at once: either is right.
    private string[]? _names;
    private BrokerImage[]? _brokers;

    internal ImmutableSortedDictionary<string, TopicImage> TopicsByName
    {
        get;
        init
        {
            field = value;
            _names = null;
        }
    } = ImmutableSortedDictionary.Create<string, TopicImage>(StringComparer.Ordinal);
    internal ImmutableDictionary<KafkaUuid, TopicImage> TopicsById { get; init; } =
        ImmutableDictionary<KafkaUuid, TopicImage>.Empty;
    internal ImmutableSortedDictionary<int, BrokerImage> BrokersById
    {
        get;
        init
        {
            field = value;
            _brokers = null;
        }
    } = ImmutableSortedDictionary<int, BrokerImage>.Empty;

    public ImmutableSortedDictionary<int, ControllerImage> Controllers { get; init; } =
        ImmutableSortedDictionary<int, ControllerImage>.Empty;
    public FeaturesImage Features { get; init; } = FeaturesImage.Empty;
    public ConfigImage Configs { get; init; } = ConfigImage.Empty;
    public ImmutableSortedDictionary<QuotaEntity, ImmutableSortedDictionary<string, double>> Quotas { get; init; } =
        ImmutableSortedDictionary<QuotaEntity, ImmutableSortedDictionary<string, double>>.Empty;
    public ImmutableSortedDictionary<ScramKey, ScramCredentialImage> ScramCredentials { get; init; } =
        ImmutableSortedDictionary<ScramKey, ScramCredentialImage>.Empty;
    public ImmutableSortedDictionary<KafkaUuid, AclImage> Acls { get; init; } =
        ImmutableSortedDictionary<KafkaUuid, AclImage>.Empty;
    public ImmutableSortedDictionary<string, DelegationTokenImage> DelegationTokens { get; init; } =
        ImmutableSortedDictionary.Create<string, DelegationTokenImage>(StringComparer.Ordinal);

    /// <summary>First producer id that was not handed out in a block yet; -1 before the first block.</summary>
    public long NextProducerId { get; init; } = -1;

    /// <summary>Left over in logs of clusters that came from ZooKeeper; kept so that a snapshot loses nothing.</summary>
    public sbyte ZkMigrationState { get; init; }

    /// <summary>0: voters are a setting; 1: voters are in the log (KIP-853).</summary>
    public short KRaftVersion { get; init; }
    public VoterImage[] Voters { get; init; } = [];

    public bool IsEmpty => Offset < 0;

    public int TopicCount => TopicsByName.Count;

    /// <summary>Sorted by name.</summary>
    public IEnumerable<TopicImage> Topics => TopicsByName.Values;

    /// <summary>Sorted by id.</summary>
    public IReadOnlyList<BrokerImage> Brokers => _brokers ??= [.. BrokersById.Values];

    public TopicImage? Topic(string name) => TopicsByName.TryGetValue(name, out TopicImage? topic) ? topic : null;

    public TopicImage? Topic(KafkaUuid id) => TopicsById.TryGetValue(id, out TopicImage? topic) ? topic : null;

    public BrokerImage? Broker(int id) => BrokersById.TryGetValue(id, out BrokerImage? broker) ? broker : null;

    /// <summary>Topics with names at or after a given one, in order: for paged answers.</summary>
    public IEnumerable<TopicImage> TopicsFrom(string name)
    {
        string[] names = _names ??= [.. TopicsByName.Keys];
        int at = Array.BinarySearch(names, name, StringComparer.Ordinal);
        for (int i = at < 0 ? ~at : at; i < names.Length; i++)
        {
            yield return TopicsByName[names[i]];
        }
    }
}
