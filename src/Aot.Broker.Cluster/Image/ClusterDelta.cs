using System.Collections.Immutable;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>What happened to brokers and controllers between two images.</summary>
public sealed class ClusterDelta
{
    private readonly ImmutableSortedDictionary<int, BrokerImage>.Builder _brokers;
    private readonly ImmutableSortedDictionary<int, ControllerImage>.Builder _controllers;
    private readonly SortedSet<int> _changed = [];

    internal ClusterDelta(MetadataImage image)
    {
        _brokers = image.BrokersById.ToBuilder();
        _controllers = image.Controllers.ToBuilder();
    }

    /// <summary>Brokers that registered, changed or left.</summary>
    public IReadOnlySet<int> ChangedBrokers => _changed;

    internal void Replay(RegisterBrokerRecord record)
    {
        List<EndPointImage> endPoints = [];
        foreach (var endPoint in record.EndPoints)
        {
            endPoints.Add(new EndPointImage(endPoint.Name, endPoint.Host, endPoint.Port, endPoint.SecurityProtocol));
        }
        List<FeatureRange> features = [];
        foreach (var feature in record.Features)
        {
            features.Add(new FeatureRange(feature.Name, feature.MinSupportedVersion, feature.MaxSupportedVersion));
        }
        Set(
            new BrokerImage
            {
                Id = record.BrokerId,
                Epoch = record.BrokerEpoch,
                IncarnationId = record.IncarnationId,
                EndPoints = [.. endPoints],
                Features = [.. features],
                Rack = record.Rack,
                Fenced = record.Fenced,
                InControlledShutdown = record.InControlledShutdown,
                IsMigratingZkBroker = record.IsMigratingZkBroker,
                Directories = [.. record.LogDirs],
                CordonedDirectories = record.CordonedLogDirs is null ? null : [.. record.CordonedLogDirs],
            }
        );
    }

    internal void Replay(UnregisterBrokerRecord record)
    {
        Existing(record.BrokerId, record.BrokerEpoch, "unregistration");
        _brokers.Remove(record.BrokerId);
        _changed.Add(record.BrokerId);
    }

    internal void Replay(FenceBrokerRecord record) =>
        Set(Existing(record.Id, record.Epoch, "fencing") with { Fenced = true });

    internal void Replay(UnfenceBrokerRecord record) =>
        Set(Existing(record.Id, record.Epoch, "unfencing") with { Fenced = false });

    internal void Replay(BrokerRegistrationChangeRecord record)
    {
        BrokerImage broker = Existing(record.BrokerId, record.BrokerEpoch, "change");
        broker = record.Fenced switch
        {
            0 => broker,
            -1 => broker with { Fenced = false },
            1 => broker with { Fenced = true },
            _ => throw new MetadataLogException($"fenced = {record.Fenced} in a change of broker {record.BrokerId}"),
        };
        broker = record.InControlledShutdown switch
        {
            0 => broker,
            1 => broker with { InControlledShutdown = true },
            _ => throw new MetadataLogException(
                $"inControlledShutdown = {record.InControlledShutdown} in a change of broker {record.BrokerId}"
            ),
        };
        if (record.LogDirs.Count > 0)
        {
            broker = broker with { Directories = [.. record.LogDirs] };
        }
        if (record.CordonedLogDirs is not null)
        {
            broker = broker with { CordonedDirectories = [.. record.CordonedLogDirs] };
        }
        Set(broker);
    }

    internal void Replay(RegisterControllerRecord record)
    {
        List<EndPointImage> endPoints = [];
        foreach (var endPoint in record.EndPoints)
        {
            endPoints.Add(new EndPointImage(endPoint.Name, endPoint.Host, endPoint.Port, endPoint.SecurityProtocol));
        }
        List<FeatureRange> features = [];
        foreach (var feature in record.Features)
        {
            features.Add(new FeatureRange(feature.Name, feature.MinSupportedVersion, feature.MaxSupportedVersion));
        }
        _controllers[record.ControllerId] = new ControllerImage
        {
            Id = record.ControllerId,
            IncarnationId = record.IncarnationId,
            EndPoints = [.. endPoints],
            Features = [.. features],
            ZkMigrationReady = record.ZkMigrationReady,
        };
    }

    internal void Replay(UnregisterControllerRecord record)
    {
        if (!_controllers.Remove(record.ControllerId))
        {
            throw new MetadataLogException($"unregistration of the unknown controller {record.ControllerId}");
        }
    }

    internal MetadataImage Apply(MetadataImage image) =>
        image with
        {
            BrokersById = _brokers.ToImmutable(),
            Controllers = _controllers.ToImmutable(),
        };

    private void Set(BrokerImage broker)
    {
        _brokers[broker.Id] = broker;
        _changed.Add(broker.Id);
    }

    /// <summary>A record about a broker names the epoch of the registration that it is about.</summary>
    private BrokerImage Existing(int id, long epoch, string what)
    {
        if (!_brokers.TryGetValue(id, out BrokerImage? broker))
        {
            throw new MetadataLogException($"{what} of broker {id}, which is not registered");
        }
        if (broker.Epoch != epoch)
        {
            throw new MetadataLogException($"{what} of broker {id} at epoch {epoch}, registered at {broker.Epoch}");
        }
        return broker;
    }
}
