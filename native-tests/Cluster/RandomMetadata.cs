using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster.Tests;

/// <summary>A stream of random records that a controller could have written: each fits the ones before it.</summary>
internal sealed class RandomMetadata(int seed)
{
    private readonly Random _random = new(seed);
    private readonly List<(string Name, KafkaUuid Id, int Partitions)> _topics = [];
    private readonly Dictionary<int, long> _brokers = [];
    private readonly List<KafkaUuid> _acls = [];
    private readonly List<int> _controllers = [];
    private int _number;

    public List<MetadataRecord> Records { get; } = [];

    public static List<MetadataRecord> Make(int seed, int steps)
    {
        RandomMetadata made = new(seed);
        made.Records.Add(ImageRecords.Feature(Features.MetadataVersion, MetadataVersions.Latest));
        for (int i = 0; i < steps; i++)
        {
            made.Step();
        }
        return made.Records;
    }

    private void Step()
    {
        switch (_random.Next(20))
        {
            case 0 or 1 or 2:
                AddTopic();
                break;
            case 3 or 4 or 5:
                ChangePartition();
                break;
            case 6:
                RemoveTopic();
                break;
            case 7 or 8:
                AddBroker();
                break;
            case 9:
                ChangeBroker();
                break;
            case 10 or 11:
                ChangeConfig();
                break;
            case 12:
                Add(
                    ImageRecords.Feature(
                        Pick(Features.TransactionVersion, Features.GroupVersion),
                        (short)_random.Next(2)
                    )
                );
                break;
            case 13:
                Add(ImageRecords.Quota(Entity(), Pick("producer_byte_rate", "consumer_byte_rate"), Value()));
                break;
            case 14:
                ChangeScram();
                break;
            case 15:
                ChangeAcl();
                break;
            case 16:
                ChangeToken();
                break;
            case 17:
                Add(
                    new ProducerIdsRecord
                    {
                        BrokerId = 1,
                        BrokerEpoch = 2,
                        NextProducerId = _random.Next(100_000),
                    }
                );
                break;
            case 18:
                ChangeController();
                break;
            default:
                Add(new NoOpRecord());
                break;
        }
    }

    private void AddTopic()
    {
        (string name, KafkaUuid id, int partitions) = ($"topic-{_number++}", Id(), _random.Next(1, 5));
        _topics.Add((name, id, partitions));
        Add(new TopicRecord { Name = name, TopicId = id });
        for (int i = 0; i < partitions; i++)
        {
            int[] replicas = Brokers();
            Add(
                new PartitionRecord
                {
                    PartitionId = i,
                    TopicId = id,
                    Replicas = [.. replicas],
                    Isr = [.. replicas.Take(_random.Next(1, replicas.Length + 1))],
                    AddingReplicas = _random.Next(4) == 0 ? [replicas[0]] : [],
                    RemovingReplicas = _random.Next(4) == 0 ? [replicas[^1]] : [],
                    Leader = replicas[0],
                    LeaderRecoveryState = (sbyte)_random.Next(2),
                    LeaderEpoch = _random.Next(10),
                    PartitionEpoch = _random.Next(10),
                    Directories = [.. replicas.Select(_ => Id())],
                    EligibleLeaderReplicas = _random.Next(3) == 0 ? [replicas[^1]] : null,
                    LastKnownElr = _random.Next(3) == 0 ? [replicas[0]] : null,
                },
                2
            );
        }
    }

    private void ChangePartition()
    {
        if (_topics.Count == 0)
        {
            return;
        }
        (string name, KafkaUuid id, int partitions) = _topics[_random.Next(_topics.Count)];
        if (_random.Next(6) == 0)
        {
            Add(new ClearElrRecord { TopicName = _random.Next(3) == 0 ? "" : name });
            return;
        }
        int[] replicas = Brokers();
        bool moves = _random.Next(2) == 0;
        Add(
            new PartitionChangeRecord
            {
                PartitionId = _random.Next(partitions),
                TopicId = id,
                Isr = _random.Next(2) == 0 ? [replicas[0]] : null,
                Leader = _random.Next(2) == 0 ? replicas[0] : PartitionChanges.SameLeader,
                Replicas = moves ? [.. replicas] : null,
                Directories = moves && _random.Next(3) > 0 ? [.. replicas.Select(_ => Id())] : null,
                AddingReplicas = _random.Next(3) == 0 ? [] : null,
                RemovingReplicas = _random.Next(3) == 0 ? [replicas[0]] : null,
                LeaderRecoveryState = (sbyte)_random.Next(-1, 2),
                EligibleLeaderReplicas = _random.Next(3) == 0 ? [replicas[0]] : null,
                LastKnownElr = _random.Next(3) == 0 ? [] : null,
            },
            2
        );
    }

    private void RemoveTopic()
    {
        if (_topics.Count == 0)
        {
            return;
        }
        int at = _random.Next(_topics.Count);
        (string name, KafkaUuid id, _) = _topics[at];
        _topics.RemoveAt(at);
        Add(new RemoveTopicRecord { TopicId = id });
        if (_random.Next(3) == 0)
        {
            KafkaUuid again = Id();
            _topics.Add((name, again, 1));
            Add(new TopicRecord { Name = name, TopicId = again });
            Add(
                new PartitionRecord
                {
                    PartitionId = 0,
                    TopicId = again,
                    Replicas = [1],
                    Isr = [1],
                    Leader = 1,
                    LeaderEpoch = 0,
                    PartitionEpoch = 0,
                    Directories = [Id()],
                },
                2
            );
        }
    }

    private void AddBroker()
    {
        int id = _random.Next(1, 6);
        long epoch = Records.Count;
        _brokers[id] = epoch;
        Add(
            new RegisterBrokerRecord
            {
                BrokerId = id,
                BrokerEpoch = epoch,
                IncarnationId = Id(),
                Rack = _random.Next(2) == 0 ? "rack-" + _random.Next(3) : null,
                Fenced = _random.Next(2) == 0,
                InControlledShutdown = _random.Next(4) == 0,
                EndPoints =
                [
                    new RegisterBrokerRecord.BrokerEndpoint
                    {
                        Name = "PLAINTEXT",
                        Host = "host-" + id,
                        Port = (ushort)_random.Next(65536),
                    },
                ],
                Features =
                [
                    new RegisterBrokerRecord.BrokerFeature
                    {
                        Name = Features.MetadataVersion,
                        MinSupportedVersion = 7,
                        MaxSupportedVersion = 33,
                    },
                ],
                LogDirs = [Id(), Id()],
                CordonedLogDirs = _random.Next(2) == 0 ? [Id()] : null,
            },
            4
        );
    }

    private void ChangeBroker()
    {
        if (_brokers.Count == 0)
        {
            return;
        }
        (int id, long epoch) = _brokers.ElementAt(_random.Next(_brokers.Count));
        switch (_random.Next(4))
        {
            case 0:
                Add(new FenceBrokerRecord { Id = id, Epoch = epoch });
                break;
            case 1:
                Add(new UnfenceBrokerRecord { Id = id, Epoch = epoch });
                break;
            case 2:
                Add(new UnregisterBrokerRecord { BrokerId = id, BrokerEpoch = epoch });
                _brokers.Remove(id);
                break;
            default:
                Add(
                    new BrokerRegistrationChangeRecord
                    {
                        BrokerId = id,
                        BrokerEpoch = epoch,
                        Fenced = (sbyte)_random.Next(-1, 2),
                        InControlledShutdown = (sbyte)_random.Next(2),
                        LogDirs = _random.Next(2) == 0 ? [Id()] : [],
                        CordonedLogDirs = _random.Next(2) == 0 ? [] : null,
                    },
                    3
                );
                break;
        }
    }

    private void ChangeConfig()
    {
        ConfigResource resource = _random.Next(3) switch
        {
            0 when _topics.Count > 0 => ConfigResource.Topic(_topics[_random.Next(_topics.Count)].Name),
            1 => ConfigResource.AllBrokers,
            _ => new ConfigResource(ConfigResourceKind.Group, "g" + _random.Next(3)),
        };
        string? value = _random.Next(3) == 0 ? null : _random.Next(100).ToString();
        Add(ImageRecords.Config(resource, Pick("retention.ms", "segment.ms"), value));
    }

    private void ChangeScram()
    {
        string user = "user-" + _random.Next(3);
        if (_random.Next(3) == 0)
        {
            Add(new RemoveUserScramCredentialRecord { Name = user, Mechanism = 1 });
            return;
        }
        Add(ImageRecords.Scram(new ScramKey(user, 1), new ScramCredentialImage(Bytes(), Bytes(), Bytes(), 4096)));
    }

    private void ChangeAcl()
    {
        if (_acls.Count > 0 && _random.Next(3) == 0)
        {
            Add(new RemoveAccessControlEntryRecord { Id = _acls[0] });
            _acls.RemoveAt(0);
            return;
        }
        KafkaUuid id = Id();
        _acls.Add(id);
        Add(
            new AccessControlEntryRecord
            {
                Id = id,
                ResourceType = 2,
                ResourceName = "topic",
                PatternType = 3,
                Principal = "User:a",
                Host = "*",
                Operation = (sbyte)_random.Next(3, 9),
                PermissionType = 3,
            }
        );
    }

    private void ChangeToken()
    {
        string id = "token-" + _random.Next(3);
        if (_random.Next(3) == 0)
        {
            Add(new RemoveDelegationTokenRecord { TokenId = id });
            return;
        }
        Add(
            new DelegationTokenRecord
            {
                TokenId = id,
                Owner = "User:o",
                Requester = "User:r",
                Renewers = ["User:x"],
                IssueTimestamp = 1,
                MaxTimestamp = 2,
                ExpirationTimestamp = _random.Next(),
            }
        );
    }

    private void ChangeController()
    {
        if (_controllers.Count > 0 && _random.Next(3) == 0)
        {
            Add(new UnregisterControllerRecord { ControllerId = _controllers[0] });
            _controllers.RemoveAt(0);
            return;
        }
        int id = _random.Next(1, 4);
        _controllers.Remove(id);
        _controllers.Add(id);
        Add(
            new RegisterControllerRecord
            {
                ControllerId = id,
                IncarnationId = Id(),
                EndPoints =
                [
                    new RegisterControllerRecord.ControllerEndpoint
                    {
                        Name = "C",
                        Host = "h",
                        Port = 9,
                    },
                ],
                Features =
                [
                    new RegisterControllerRecord.ControllerFeature
                    {
                        Name = Features.KRaftVersion,
                        MinSupportedVersion = 0,
                        MaxSupportedVersion = 1,
                    },
                ],
            }
        );
    }

    private QuotaEntity Entity() =>
        new([new QuotaPart(QuotaEntity.User, _random.Next(3) == 0 ? null : "u" + _random.Next(3))]);

    private double? Value() => _random.Next(3) == 0 ? null : _random.Next(1, 1000);

    private int[] Brokers() => [.. Enumerable.Range(1, 5).OrderBy(_ => _random.Next()).Take(_random.Next(1, 4))];

    private byte[] Bytes()
    {
        byte[] bytes = new byte[8];
        _random.NextBytes(bytes);
        return bytes;
    }

    private string Pick(params string[] from) => from[_random.Next(from.Length)];

    private KafkaUuid Id() => new((ulong)_random.NextInt64(1, long.MaxValue), (ulong)_random.NextInt64());

    private void Add(Protocol.Wire.IWireMessage message, short version = 0) =>
        Records.Add(new MetadataRecord(message, version));

    private void Add(MetadataRecord record) => Records.Add(record);
}
