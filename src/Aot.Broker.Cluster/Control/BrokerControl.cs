using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>Brokers that come and go, and what they need numbers for, as plans over an image.</summary>
internal static class BrokerControl
{
    private const int ProducerIdsPerBlock = 1000;

    /// <summary>
    /// The records with which this broker becomes part of the cluster and may lead: its registration, then the leaders
    /// of partitions that waited for it. <paramref name="epoch"/> is the offset that the registration will have.
    /// </summary>
    public static List<MetadataRecord> Register(
        MetadataImage image,
        BrokerImage broker,
        long epoch,
        bool wasCleanShutdown
    )
    {
        short metadataVersion = image.Features.MetadataVersion;
        BrokerImage registered = broker with { Epoch = epoch, Fenced = true };
        List<MetadataRecord> records = [ImageRecords.OfBroker(registered, metadataVersion)];
        records.Add(
            new MetadataRecord(
                new BrokerRegistrationChangeRecord
                {
                    BrokerId = broker.Id,
                    BrokerEpoch = epoch,
                    Fenced = -1,
                },
                0
            )
        );
        foreach (TopicImage topic in image.Topics)
        {
            for (int i = 0; i < topic.Partitions.Length; i++)
            {
                AddLeader(image, topic, i, broker, wasCleanShutdown, records);
            }
        }
        return records;
    }

    /// <summary>
    /// A running broker lost a directory: the registration without it, and no leader for the partitions in it. The replica
    /// stays in the ISR, since it holds all that was committed and may lead again when the directory is back.
    /// </summary>
    public static List<MetadataRecord> LoseDirectory(MetadataImage image, BrokerImage broker, KafkaUuid lost)
    {
        BrokerImage left = broker with { Directories = [.. broker.Directories.Where(directory => directory != lost)] };
        short metadataVersion = image.Features.MetadataVersion;
        List<MetadataRecord> records = [];
        if (MetadataVersions.HasDirectories(metadataVersion))
        {
            records.Add(
                new MetadataRecord(
                    new BrokerRegistrationChangeRecord
                    {
                        BrokerId = broker.Id,
                        BrokerEpoch = broker.Epoch,
                        LogDirs = [.. left.Directories],
                    },
                    MetadataVersions.BrokerRegistrationChangeRecordVersion(metadataVersion)
                )
            );
        }
        foreach (TopicImage topic in image.Topics)
        {
            for (int i = 0; i < topic.Partitions.Length; i++)
            {
                PartitionImage partition = topic.Partitions[i];
                if (partition.Leader == broker.Id && !left.HasOnline(partition.DirectoryOf(broker.Id)))
                {
                    records.Add(NoLeader(image, topic.Id, i));
                }
            }
        }
        return records;
    }

    private static MetadataRecord NoLeader(MetadataImage image, KafkaUuid topicId, int index) =>
        PartitionControl.Lead(image, topicId, index, PartitionImage.NoLeader, null, isClean: true);

    /// <summary>
    /// A partition without a leader gets this broker when it holds all that was committed: it is in the ISR or among
    /// the eligible leader replicas, or it is the only replica there ever was.
    /// </summary>
    private static void AddLeader(
        MetadataImage image,
        TopicImage topic,
        int index,
        BrokerImage broker,
        bool wasCleanShutdown,
        List<MetadataRecord> records
    )
    {
        int brokerId = broker.Id;
        PartitionImage partition = topic.Partitions[index];
        if (!broker.HasOnline(partition.DirectoryOf(brokerId)))
        {
            if (partition.Leader == brokerId)
            {
                records.Add(NoLeader(image, topic.Id, index));
            }
            return;
        }
        if (partition.Leader == brokerId && !wasCleanShutdown)
        {
            // What the log lost may have been seen by a reader: the new epoch lets it notice.
            records.Add(PartitionControl.Lead(image, topic.Id, index, brokerId, null, isClean: true));
            return;
        }
        if (partition.Leader != PartitionImage.NoLeader || !partition.Replicas.Contains(brokerId))
        {
            return;
        }
        bool isOnlyReplica = partition.Replicas.Length == 1;
        bool isEligible =
            partition.Isr.Contains(brokerId) || (wasCleanShutdown && partition.Elr.Contains(brokerId)) || isOnlyReplica;
        if (!isEligible)
        {
            return;
        }
        short version = MetadataVersions.PartitionRecordVersion(image.Features.MetadataVersion);
        PartitionChangeRecord change = new()
        {
            PartitionId = index,
            TopicId = topic.Id,
            Leader = brokerId,
        };
        if (!partition.Isr.Contains(brokerId))
        {
            change.Isr = [brokerId];
        }
        if (version >= 2 && partition.Elr.Length > 0)
        {
            change.EligibleLeaderReplicas = [.. partition.Elr.Where(id => id != brokerId)];
        }
        if (version >= 2 && partition.LastKnownElr.Length > 0)
        {
            change.LastKnownElr = [];
        }
        records.Add(new MetadataRecord(change, version));
    }

    public static MetadataRecord RegisterController(ControllerImage controller) =>
        ImageRecords.OfController(controller);

    /// <summary>
    /// Removes a broker. One that still runs comes back at once: it notices that it is not registered, as any broker
    /// of the cluster does, and registers under a new epoch.
    /// </summary>
    public static ControlPlan<UnregisterBrokerResponse> Unregister(
        MetadataImage image,
        ControlFacts facts,
        UnregisterBrokerRequest request,
        long nextOffset
    )
    {
        if (image.Broker(request.BrokerId) is not { } broker)
        {
            return new ControlPlan<UnregisterBrokerResponse>(
                [],
                new UnregisterBrokerResponse
                {
                    ErrorCode = (short)ErrorCode.BrokerIdNotRegistered,
                    ErrorMessage = $"Broker ID {request.BrokerId} is not currently registered",
                }
            );
        }
        List<MetadataRecord> records =
        [
            new MetadataRecord(new UnregisterBrokerRecord { BrokerId = broker.Id, BrokerEpoch = broker.Epoch }, 0),
        ];
        if (broker.Id == facts.NodeId)
        {
            BrokerImage again = broker with { Epoch = nextOffset + 1 };
            records.Add(ImageRecords.OfBroker(again, image.Features.MetadataVersion));
        }
        return new ControlPlan<UnregisterBrokerResponse>(records, new UnregisterBrokerResponse { ErrorMessage = null });
    }

    public static ControlPlan<(long First, int Count)> AllocateProducerIds(MetadataImage image, BrokerImage? broker)
    {
        long first = Math.Max(0, image.NextProducerId);
        MetadataRecord record = new(
            new ProducerIdsRecord
            {
                BrokerId = broker?.Id ?? -1,
                BrokerEpoch = broker?.Epoch ?? -1,
                NextProducerId = first + ProducerIdsPerBlock,
            },
            0
        );
        return new ControlPlan<(long, int)>([record], (first, ProducerIdsPerBlock));
    }

    /// <summary>
    /// A broker that stops: it is fenced, and gives up the partitions in which coordinators keep their state. Whoever leads
    /// this log next elects their leaders once and for all: where a coordinator finds its partition led from the start, the
    /// controller of Apache Kafka takes the leadership away again and stops a load that is under way. All other partitions
    /// keep their leader, which on a single node is the one that comes back: a change for each would be paid at every start.
    /// </summary>
    public static List<MetadataRecord> Stop(MetadataImage image, BrokerImage broker)
    {
        List<MetadataRecord> records = [];
        foreach (TopicImage topic in image.Topics)
        {
            for (int i = 0; topic.IsInternal && i < topic.Partitions.Length; i++)
            {
                if (topic.Partitions[i].Leader == broker.Id)
                {
                    records.Add(NoLeader(image, topic.Id, i));
                }
            }
        }
        records.Add(Fence(broker));
        return records;
    }

    private static MetadataRecord Fence(BrokerImage broker) =>
        new(
            new BrokerRegistrationChangeRecord
            {
                BrokerId = broker.Id,
                BrokerEpoch = broker.Epoch,
                Fenced = 1,
            },
            0
        );
}
