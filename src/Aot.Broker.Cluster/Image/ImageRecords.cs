using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>
/// An image as the records that make it: what a snapshot holds. The order is fixed (features first, because they say
/// how to read the rest), so equal images give equal records.
/// </summary>
public static class ImageRecords
{
    public static IEnumerable<MetadataRecord> Of(MetadataImage image)
    {
        short metadataVersion = image.Features.MetadataVersion;
        if (metadataVersion > 0)
        {
            yield return Feature(Features.MetadataVersion, metadataVersion);
        }
        foreach ((string name, short level) in image.Features.Finalized)
        {
            if (name != Features.MetadataVersion)
            {
                yield return Feature(name, level);
            }
        }
        foreach (BrokerImage broker in image.Brokers)
        {
            yield return OfBroker(broker, metadataVersion);
        }
        foreach (ControllerImage controller in image.Controllers.Values)
        {
            yield return OfController(controller);
        }
        foreach (TopicImage topic in image.Topics)
        {
            yield return new MetadataRecord(new TopicRecord { Name = topic.Name, TopicId = topic.Id }, 0);
            for (int i = 0; i < topic.Partitions.Length; i++)
            {
                yield return OfPartition(topic, i, metadataVersion);
            }
        }
        foreach (MetadataRecord record in OfSettings(image).Concat(OfSecurity(image)))
        {
            yield return record;
        }
    }

    public static MetadataRecord Feature(string name, short level) =>
        new(new FeatureLevelRecord { Name = name, FeatureLevel = level }, 0);

    public static MetadataRecord Config(ConfigResource resource, string name, string? value) =>
        new(
            new ConfigRecord
            {
                ResourceType = (sbyte)resource.Type,
                ResourceName = resource.Name,
                Name = name,
                Value = value,
            },
            0
        );

    public static MetadataRecord OfBroker(BrokerImage broker, short metadataVersion)
    {
        short version = MetadataVersions.RegisterBrokerRecordVersion(metadataVersion);
        return new MetadataRecord(
            new RegisterBrokerRecord
            {
                BrokerId = broker.Id,
                IsMigratingZkBroker = version >= 2 && broker.IsMigratingZkBroker,
                IncarnationId = broker.IncarnationId,
                BrokerEpoch = broker.Epoch,
                EndPoints =
                [
                    .. broker.EndPoints.Select(static endPoint => new RegisterBrokerRecord.BrokerEndpoint
                    {
                        Name = endPoint.Name,
                        Host = endPoint.Host,
                        Port = (ushort)endPoint.Port,
                        SecurityProtocol = endPoint.SecurityProtocol,
                    }),
                ],
                Features =
                [
                    .. broker.Features.Select(static feature => new RegisterBrokerRecord.BrokerFeature
                    {
                        Name = feature.Name,
                        MinSupportedVersion = feature.Lowest,
                        MaxSupportedVersion = feature.Highest,
                    }),
                ],
                Rack = broker.Rack,
                Fenced = broker.Fenced,
                InControlledShutdown = broker.InControlledShutdown,
                LogDirs = version >= 3 ? [.. broker.Directories] : [],
                CordonedLogDirs = version >= 4 && broker.CordonedDirectories is { } cordoned ? [.. cordoned] : null,
            },
            version
        );
    }

    public static MetadataRecord OfController(ControllerImage controller) =>
        new(
            new RegisterControllerRecord
            {
                ControllerId = controller.Id,
                IncarnationId = controller.IncarnationId,
                ZkMigrationReady = controller.ZkMigrationReady,
                EndPoints =
                [
                    .. controller.EndPoints.Select(static endPoint => new RegisterControllerRecord.ControllerEndpoint
                    {
                        Name = endPoint.Name,
                        Host = endPoint.Host,
                        Port = (ushort)endPoint.Port,
                        SecurityProtocol = endPoint.SecurityProtocol,
                    }),
                ],
                Features =
                [
                    .. controller.Features.Select(static feature => new RegisterControllerRecord.ControllerFeature
                    {
                        Name = feature.Name,
                        MinSupportedVersion = feature.Lowest,
                        MaxSupportedVersion = feature.Highest,
                    }),
                ],
            },
            0
        );

    public static MetadataRecord OfPartition(TopicImage topic, int index, short metadataVersion)
    {
        PartitionImage partition = topic.Partitions[index];
        short version = MetadataVersions.PartitionRecordVersion(metadataVersion);
        return new MetadataRecord(
            new PartitionRecord
            {
                PartitionId = index,
                TopicId = topic.Id,
                Replicas = [.. partition.Replicas],
                Isr = [.. partition.Isr],
                AddingReplicas = [.. partition.Adding],
                RemovingReplicas = [.. partition.Removing],
                Leader = partition.Leader,
                LeaderRecoveryState = partition.LeaderRecoveryState,
                LeaderEpoch = partition.LeaderEpoch,
                PartitionEpoch = partition.PartitionEpoch,
                Directories = version >= 1 ? [.. partition.Directories] : [],
                EligibleLeaderReplicas = version >= 2 && partition.Elr.Length > 0 ? [.. partition.Elr] : null,
                LastKnownElr = version >= 2 && partition.LastKnownElr.Length > 0 ? [.. partition.LastKnownElr] : null,
            },
            version
        );
    }

    private static IEnumerable<MetadataRecord> OfSettings(MetadataImage image)
    {
        foreach ((ConfigResource resource, var settings) in image.Configs.Resources)
        {
            foreach ((string name, string value) in settings)
            {
                yield return Config(resource, name, value);
            }
        }
        foreach ((QuotaEntity entity, var quotas) in image.Quotas)
        {
            foreach ((string key, double value) in quotas)
            {
                yield return Quota(entity, key, value);
            }
        }
        if (image.NextProducerId >= 0)
        {
            yield return new MetadataRecord(
                new ProducerIdsRecord
                {
                    BrokerId = -1,
                    BrokerEpoch = -1,
                    NextProducerId = image.NextProducerId,
                },
                0
            );
        }
        if (image.ZkMigrationState != 0)
        {
            yield return new MetadataRecord(
                new ZkMigrationStateRecord { ZkMigrationState = image.ZkMigrationState },
                0
            );
        }
    }

    /// <summary>A null value removes the quota.</summary>
    public static MetadataRecord Quota(QuotaEntity entity, string key, double? value) =>
        new(
            new ClientQuotaRecord
            {
                Entity =
                [
                    .. entity.Parts.Select(static part => new ClientQuotaRecord.EntityData
                    {
                        EntityType = part.Type,
                        EntityName = part.Name,
                    }),
                ],
                Key = key,
                Value = value ?? 0,
                Remove = value is null,
            },
            0
        );

    private static IEnumerable<MetadataRecord> OfSecurity(MetadataImage image)
    {
        foreach (AclImage acl in image.Acls.Values)
        {
            yield return new MetadataRecord(
                new AccessControlEntryRecord
                {
                    Id = acl.Id,
                    ResourceType = acl.ResourceType,
                    ResourceName = acl.ResourceName,
                    PatternType = acl.PatternType,
                    Principal = acl.Principal,
                    Host = acl.Host,
                    Operation = acl.Operation,
                    PermissionType = acl.PermissionType,
                },
                0
            );
        }
        foreach ((ScramKey key, ScramCredentialImage credential) in image.ScramCredentials)
        {
            yield return Scram(key, credential);
        }
        foreach (DelegationTokenImage token in image.DelegationTokens.Values)
        {
            yield return new MetadataRecord(
                new DelegationTokenRecord
                {
                    TokenId = token.TokenId,
                    Owner = token.Owner,
                    Requester = token.Requester,
                    Renewers = [.. token.Renewers],
                    IssueTimestamp = token.IssueTimestampMs,
                    MaxTimestamp = token.MaxTimestampMs,
                    ExpirationTimestamp = token.ExpirationTimestampMs,
                },
                0
            );
        }
    }

    public static MetadataRecord Scram(ScramKey key, ScramCredentialImage credential) =>
        new(
            new UserScramCredentialRecord
            {
                Name = key.User,
                Mechanism = key.Mechanism,
                Salt = credential.Salt,
                StoredKey = credential.StoredKey,
                ServerKey = credential.ServerKey,
                Iterations = credential.Iterations,
            },
            0
        );
}
