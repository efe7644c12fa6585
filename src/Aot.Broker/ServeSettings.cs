using System.Net;
using System.Net.Sockets;
using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.CommandLine;
using Aot.Broker.Configuration;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Server;

namespace Aot.Broker;

/// <summary>What the server takes from the configuration, in its own words.</summary>
internal static class ServeSettings
{
    /// <summary>
    /// Kafka's default for connections is "as many as an integer holds". Each takes a descriptor, so where nobody said a
    /// number it is this one; the rest of the descriptors is for segments.
    /// </summary>
    private const int ConnectionsMaxUnlessGiven = 50_000;

    public static ServerOptions Make(BrokerConfiguration configuration)
    {
        ConfigValues values = configuration.Values;
        return new ServerOptions
        {
            NodeId = configuration.NodeId.Value,
            Listeners = [.. configuration.Listeners.Select(MakeListener)],
            RequestBytesMax = values.GetInt("socket.request.max.bytes"),
            ListenBacklog = values.GetInt("socket.listen.backlog.size"),
            ConnectionIdleMillisMax = values.GetLong("connections.max.idle.ms"),
            ConnectionsMax = Math.Min(values.GetInt("max.connections"), ConnectionsMaxUnlessGiven),
            ConnectionsPerAddressMax = values.GetInt("max.connections.per.ip"),
            ConnectionsPerAddress = ParsePerAddress(values.Text(ConnectionOverrides.Name) ?? ""),
            FetchBytesMax = values.GetInt("fetch.max.bytes"),
            FetchSessionsMax = values.GetInt("max.incremental.fetch.session.cache.slots"),
            ShareSessionsMax = values.GetInt("group.share.max.share.sessions"),
            DescribedPartitionsMax = values.GetInt("max.request.partition.size.limit"),
            AutoCreateTopics = values.GetBoolean("auto.create.topics.enable"),
            OffersUnstableVersions = values.GetBoolean("unstable.api.versions.enable"),
        };
    }

    public static ClusterNodeOptions MakeNode(
        BrokerConfiguration configuration,
        IReadOnlyList<BoundListener> bound,
        IReadOnlyList<IMetadataListener> listeners,
        Action<Exception> onFatal
    ) =>
        new()
        {
            NodeId = configuration.NodeId.Value,
            StartedWith = configuration.Values,
            ClusterId = configuration.ClusterId,
            AdvertisedListeners = EndPoints(configuration, bound, isController: false),
            ControllerListeners = EndPoints(configuration, bound, isController: true),
            Rack = configuration.Values.Text("broker.rack"),
            Listeners = listeners,
            OnFatal = onFatal,
        };

    public static GroupOptions MakeGroups(ConfigValues values) =>
        new()
        {
            SessionTimeoutMinMs = values.GetInt("group.min.session.timeout.ms"),
            SessionTimeoutMaxMs = values.GetInt("group.max.session.timeout.ms"),
            InitialRebalanceDelayMs = values.GetInt("group.initial.rebalance.delay.ms"),
            GroupSizeMax = values.GetInt("group.max.size"),
            OffsetMetadataBytesMax = values.GetInt("offset.metadata.max.bytes"),
            OffsetsCompression = Codec(values, "offsets.topic.compression.codec"),
            OffsetsRetentionMs = values.GetLong("offsets.retention.minutes") * 60_000,
            OffsetsRetentionCheckIntervalMs = values.GetLong("offsets.retention.check.interval.ms"),
            Consumers = MakeConsumers(values),
            Shares = MakeShares(values),
            Streams = MakeStreams(values),
        };

    public static TransactionOptions MakeTransactions(ConfigValues values) =>
        new()
        {
            TimeoutMsMax = values.GetInt("transaction.max.timeout.ms"),
            TransactionalIdExpirationMs = values.GetLong("transactional.id.expiration.ms"),
            AbortTimedOutIntervalMs = values.GetLong("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
            RemoveExpiredIntervalMs = values.GetLong("transaction.remove.expired.transaction.cleanup.interval.ms"),
            AllowsTwoPhaseCommit = values.GetBoolean("transaction.two.phase.commit.enable"),
        };

    public static ShareStateOptions MakeShareStates(ConfigValues values) =>
        new()
        {
            UpdatesPerSnapshot = values.GetInt("share.coordinator.snapshot.update.records.per.snapshot"),
            WriteTimeoutMs = values.GetInt("share.coordinator.write.timeout.ms"),
            Compression = Codec(values, "share.coordinator.state.topic.compression.codec"),
            PruneIntervalMs = values.GetInt("share.coordinator.state.topic.prune.interval.ms"),
            ColdSnapshotIntervalMs = values.GetInt("share.coordinator.cold.partition.snapshot.interval.ms"),
        };

    private static CompressionCodec Codec(ConfigValues values, string name)
    {
        int id = values.GetInt(name);
        return id is >= (int)CompressionCodec.None and <= (int)CompressionCodec.Zstd
            ? (CompressionCodec)id
            : throw new UsageException(
                $"{name}: unknown compression type {id} (0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd)"
            );
    }

    private static ConsumerGroupOptions MakeConsumers(ConfigValues values)
    {
        string policy = values.Text("group.consumer.migration.policy")!.ToUpperInvariant();
        return new()
        {
            IsEnabled = values.GetList("group.coordinator.rebalance.protocols").Contains("consumer"),
            SessionTimeoutMs = values.GetInt("group.consumer.session.timeout.ms"),
            SessionTimeoutMinMs = values.GetInt("group.consumer.min.session.timeout.ms"),
            SessionTimeoutMaxMs = values.GetInt("group.consumer.max.session.timeout.ms"),
            HeartbeatIntervalMs = values.GetInt("group.consumer.heartbeat.interval.ms"),
            HeartbeatIntervalMinMs = values.GetInt("group.consumer.min.heartbeat.interval.ms"),
            HeartbeatIntervalMaxMs = values.GetInt("group.consumer.max.heartbeat.interval.ms"),
            SizeMax = values.GetInt("group.consumer.max.size"),
            Assignors = values.GetList("group.consumer.assignors"),
            AssignmentIntervalMs = values.GetInt("group.consumer.assignment.interval.ms"),
            AssignmentIntervalMinMs = values.GetInt("group.consumer.min.assignment.interval.ms"),
            AssignmentIntervalMaxMs = values.GetInt("group.consumer.max.assignment.interval.ms"),
            AllowsUpgrade = policy is "UPGRADE" or "BIDIRECTIONAL",
            AllowsDowngrade = policy is "DOWNGRADE" or "BIDIRECTIONAL",
        };
    }

    private static ShareGroupOptions MakeShares(ConfigValues values) =>
        new()
        {
            SessionTimeoutMs = values.GetInt("group.share.session.timeout.ms"),
            SessionTimeoutMinMs = values.GetInt("group.share.min.session.timeout.ms"),
            SessionTimeoutMaxMs = values.GetInt("group.share.max.session.timeout.ms"),
            HeartbeatIntervalMs = values.GetInt("group.share.heartbeat.interval.ms"),
            HeartbeatIntervalMinMs = values.GetInt("group.share.min.heartbeat.interval.ms"),
            HeartbeatIntervalMaxMs = values.GetInt("group.share.max.heartbeat.interval.ms"),
            SizeMax = values.GetInt("group.share.max.size"),
            AssignmentIntervalMs = values.GetInt("group.share.assignment.interval.ms"),
            AssignmentIntervalMinMs = values.GetInt("group.share.min.assignment.interval.ms"),
            AssignmentIntervalMaxMs = values.GetInt("group.share.max.assignment.interval.ms"),
            InitializeRetryIntervalMs = values.GetInt("group.share.initialize.retry.interval.ms"),
            DeliveryCountLimit = values.GetInt("group.share.delivery.count.limit"),
            DeliveryCountLimitMin = values.GetInt("group.share.min.delivery.count.limit"),
            DeliveryCountLimitMax = values.GetInt("group.share.max.delivery.count.limit"),
            RecordLocksMax = values.GetInt("group.share.partition.max.record.locks"),
            RecordLocksMaxMin = values.GetInt("group.share.min.partition.max.record.locks"),
            RecordLocksMaxMax = values.GetInt("group.share.max.partition.max.record.locks"),
            RecordLockDurationMs = values.GetInt("group.share.record.lock.duration.ms"),
            RecordLockDurationMinMs = values.GetInt("group.share.min.record.lock.duration.ms"),
            RecordLockDurationMaxMs = values.GetInt("group.share.max.record.lock.duration.ms"),
        };

    private static StreamsGroupOptions MakeStreams(ConfigValues values) =>
        new()
        {
            IsEnabled = values.GetList("group.coordinator.rebalance.protocols").Contains("streams"),
            SessionTimeoutMs = values.GetInt("group.streams.session.timeout.ms"),
            SessionTimeoutMinMs = values.GetInt("group.streams.min.session.timeout.ms"),
            SessionTimeoutMaxMs = values.GetInt("group.streams.max.session.timeout.ms"),
            HeartbeatIntervalMs = values.GetInt("group.streams.heartbeat.interval.ms"),
            HeartbeatIntervalMinMs = values.GetInt("group.streams.min.heartbeat.interval.ms"),
            HeartbeatIntervalMaxMs = values.GetInt("group.streams.max.heartbeat.interval.ms"),
            SizeMax = values.GetInt("group.streams.max.size"),
            InitialRebalanceDelayMs = values.GetInt("group.streams.initial.rebalance.delay.ms"),
            AssignmentIntervalMs = values.GetInt("group.streams.assignment.interval.ms"),
            AssignmentIntervalMinMs = values.GetInt("group.streams.min.assignment.interval.ms"),
            AssignmentIntervalMaxMs = values.GetInt("group.streams.max.assignment.interval.ms"),
            StandbyReplicas = values.GetInt("group.streams.num.standby.replicas"),
            StandbyReplicasMax = values.GetInt("group.streams.max.standby.replicas"),
            TaskOffsetIntervalMs = values.GetInt("group.streams.task.offset.interval.ms"),
            TaskOffsetIntervalMinMs = values.GetInt("group.streams.min.task.offset.interval.ms"),
            AcceptableRecoveryLag = values.GetLong("group.streams.acceptable.recovery.lag"),
            RackAwareTags = values.GetList("group.streams.rack.aware.assignment.tags"),
        };

    /// <summary>What the broker registers: a port that was to be picked is the one that was.</summary>
    private static List<EndPointImage> EndPoints(
        BrokerConfiguration configuration,
        IReadOnlyList<BoundListener> bound,
        bool isController
    ) =>
        [
            .. configuration
                .Listeners.Where(listener => listener.IsController == isController)
                .Select(listener => new EndPointImage(
                    listener.Name,
                    listener.AdvertisedHost,
                    listener.AdvertisedPort == 0
                        ? bound.First(one => one.Options.Name == listener.Name).EndPoint.Port
                        : listener.AdvertisedPort,
                    (short)listener.Protocol
                )),
        ];

    private static ListenerOptions MakeListener(ListenerConfiguration listener) =>
        new(
            listener.Name,
            new IPEndPoint(Resolve(listener.Host), listener.Port),
            listener.IsController ? ListenerRole.Controller : ListenerRole.Broker
        );

    /// <summary>No host means every address of the machine, IPv6 and IPv4 alike.</summary>
    private static IPAddress Resolve(string host)
    {
        if (host.Length == 0)
        {
            return Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any;
        }
        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            return address;
        }
        try
        {
            IPAddress[] found = Dns.GetHostAddresses(host);
            return found.FirstOrDefault(one => one.AddressFamily == AddressFamily.InterNetwork) ?? found[0];
        }
        catch (SocketException error)
        {
            throw new UsageException($"listeners: the host '{host}' has no address: {error.Message}");
        }
    }

    private static Dictionary<IPAddress, int> ParsePerAddress(string text)
    {
        Dictionary<IPAddress, int> overrides = [];
        if (!ConnectionOverrides.TryParse(text, out List<(string Host, int Most)> entries, out string? wrong))
        {
            throw new UsageException($"{ConnectionOverrides.Name}: {wrong}");
        }
        foreach ((string host, int most) in entries)
        {
            overrides[Resolve(host)] = most;
        }
        return overrides;
    }
}
