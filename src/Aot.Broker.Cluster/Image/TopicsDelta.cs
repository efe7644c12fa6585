using System.Collections.Immutable;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>What happened to one topic that exists after the change.</summary>
public sealed class TopicDelta
{
    private readonly SortedDictionary<int, PartitionImage> _changed = [];

    internal TopicDelta(string name, KafkaUuid id, TopicImage? previous)
    {
        Name = name;
        Id = id;
        Previous = previous;
        Current = previous ?? new TopicImage(name, id, []);
    }

    public string Name { get; }
    public KafkaUuid Id { get; }

    /// <summary>The topic before the change; null for a new one.</summary>
    public TopicImage? Previous { get; }

    /// <summary>The topic after the change; set by <see cref="MetadataDelta.Apply"/>.</summary>
    public TopicImage Current { get; private set; }

    /// <summary>New and changed partitions, by index.</summary>
    public IReadOnlyDictionary<int, PartitionImage> ChangedPartitions => _changed;

    internal PartitionImage? Find(int partition) =>
        _changed.TryGetValue(partition, out PartitionImage? image) ? image : Previous?.Partition(partition);

    internal int Count =>
        Math.Max(Previous?.Partitions.Length ?? 0, _changed.Count == 0 ? 0 : _changed.Keys.Last() + 1);

    internal void Set(int partition, PartitionImage image) => _changed[partition] = image;

    internal TopicImage Apply()
    {
        if (_changed.Count > 0)
        {
            PartitionImage[] partitions = new PartitionImage[Count];
            Previous?.Partitions.CopyTo(partitions, 0);
            foreach ((int partition, PartitionImage image) in _changed)
            {
                partitions[partition] = image;
            }
            int hole = Array.IndexOf(partitions, null);
            if (hole >= 0)
            {
                throw new MetadataLogException($"topic {Name} has no partition {hole} among {partitions.Length}");
            }
            Current = new TopicImage(Name, Id, partitions);
        }
        return Current;
    }
}

/// <summary>What happened to topics between two images.</summary>
public sealed class TopicsDelta
{
    private readonly MetadataImage _image;
    private readonly Dictionary<KafkaUuid, TopicDelta> _changed = [];
    private readonly Dictionary<KafkaUuid, TopicImage> _deleted = [];
    private readonly Dictionary<string, KafkaUuid> _created = new(StringComparer.Ordinal);

    internal TopicsDelta(MetadataImage image) => _image = image;

    /// <summary>New and changed topics.</summary>
    public IReadOnlyDictionary<KafkaUuid, TopicDelta> Changed => _changed;

    /// <summary>Topics of the image before that are gone.</summary>
    public IReadOnlyDictionary<KafkaUuid, TopicImage> Deleted => _deleted;

    internal void Replay(TopicRecord record)
    {
        if (
            _created.ContainsKey(record.Name)
            || (_image.Topic(record.Name) is { } existing && !_deleted.ContainsKey(existing.Id))
        )
        {
            throw new MetadataLogException($"topic {record.Name} is created twice");
        }
        _changed[record.TopicId] = new TopicDelta(record.Name, record.TopicId, previous: null);
        _created[record.Name] = record.TopicId;
    }

    internal void Replay(PartitionRecord record, int partitionsMax)
    {
        if ((uint)record.PartitionId >= (uint)partitionsMax)
        {
            throw new MetadataLogException(
                $"partition {record.PartitionId} of topic id {record.TopicId} is not possible"
            );
        }
        int[] replicas = [.. record.Replicas];
        Open(record.TopicId)
            .Set(
                record.PartitionId,
                new PartitionImage
                {
                    Replicas = replicas,
                    Isr = [.. record.Isr],
                    Adding = [.. record.AddingReplicas],
                    Removing = [.. record.RemovingReplicas],
                    Directories = DirectoriesFor(replicas, [.. record.Directories]),
                    Elr = record.EligibleLeaderReplicas is null ? [] : [.. record.EligibleLeaderReplicas],
                    LastKnownElr = record.LastKnownElr is null ? [] : [.. record.LastKnownElr],
                    Leader = record.Leader,
                    LeaderRecoveryState = record.LeaderRecoveryState,
                    LeaderEpoch = record.LeaderEpoch,
                    PartitionEpoch = record.PartitionEpoch,
                }
            );
    }

    internal void Replay(PartitionChangeRecord record)
    {
        TopicDelta topic = Open(record.TopicId);
        PartitionImage before =
            topic.Find(record.PartitionId)
            ?? throw new MetadataLogException($"change of the unknown partition {topic.Name}-{record.PartitionId}");
        int[] replicas = record.Replicas is null ? before.Replicas : [.. record.Replicas];
        KafkaUuid[] directories =
            record.Directories is not null ? DirectoriesFor(replicas, [.. record.Directories])
            : record.Replicas is null ? before.Directories
            : DirectoriesFor(replicas, []);
        topic.Set(
            record.PartitionId,
            new PartitionImage
            {
                Replicas = replicas,
                Isr = record.Isr is null ? before.Isr : [.. record.Isr],
                Adding = record.AddingReplicas is null ? before.Adding : [.. record.AddingReplicas],
                Removing = record.RemovingReplicas is null ? before.Removing : [.. record.RemovingReplicas],
                Directories = directories,
                Elr = record.EligibleLeaderReplicas is null ? before.Elr : [.. record.EligibleLeaderReplicas],
                LastKnownElr = record.LastKnownElr is null ? before.LastKnownElr : [.. record.LastKnownElr],
                Leader = record.Leader == PartitionChanges.SameLeader ? before.Leader : record.Leader,
                LeaderRecoveryState =
                    record.LeaderRecoveryState < 0 ? before.LeaderRecoveryState : record.LeaderRecoveryState,
                LeaderEpoch =
                    record.Leader == PartitionChanges.SameLeader ? before.LeaderEpoch : before.LeaderEpoch + 1,
                PartitionEpoch = before.PartitionEpoch + 1,
            }
        );
    }

    /// <summary>Gives the topic that is gone, so that what hangs on its name can go too.</summary>
    internal string Replay(RemoveTopicRecord record)
    {
        TopicDelta? changed = _changed.GetValueOrDefault(record.TopicId);
        TopicImage? existing = _deleted.ContainsKey(record.TopicId) ? null : _image.Topic(record.TopicId);
        if (changed is null && existing is null)
        {
            throw new MetadataLogException($"removal of the unknown topic id {record.TopicId}");
        }
        _changed.Remove(record.TopicId);
        string name = changed?.Name ?? existing!.Name;
        if (_created.TryGetValue(name, out KafkaUuid created) && created == record.TopicId)
        {
            _created.Remove(name);
        }
        if (existing is not null)
        {
            _deleted[record.TopicId] = existing;
        }
        return name;
    }

    /// <summary>Forgets the eligible leader replicas of one topic, or of all where the name is empty.</summary>
    internal void Replay(ClearElrRecord record)
    {
        if (record.TopicName.Length == 0)
        {
            foreach (TopicImage topic in _image.Topics)
            {
                if (!_deleted.ContainsKey(topic.Id) && !_changed.ContainsKey(topic.Id) && HasElr(topic))
                {
                    ClearElr(Open(topic.Id));
                }
            }
            foreach (TopicDelta topic in _changed.Values)
            {
                ClearElr(topic);
            }
            return;
        }
        KafkaUuid id =
            _created.TryGetValue(record.TopicName, out KafkaUuid created) ? created
            : _image.Topic(record.TopicName) is { } existing ? existing.Id
            : throw new MetadataLogException($"clearing replicas of the unknown topic {record.TopicName}");
        ClearElr(Open(id));
    }

    internal MetadataImage Apply(MetadataImage image)
    {
        ImmutableSortedDictionary<string, TopicImage>.Builder byName = image.TopicsByName.ToBuilder();
        ImmutableDictionary<KafkaUuid, TopicImage>.Builder byId = image.TopicsById.ToBuilder();
        foreach (TopicImage topic in _deleted.Values)
        {
            byName.Remove(topic.Name);
            byId.Remove(topic.Id);
        }
        foreach (TopicDelta delta in _changed.Values)
        {
            TopicImage topic = delta.Apply();
            byName[topic.Name] = topic;
            byId[topic.Id] = topic;
        }
        return image with { TopicsByName = byName.ToImmutable(), TopicsById = byId.ToImmutable() };
    }

    private TopicDelta Open(KafkaUuid id)
    {
        if (!_changed.TryGetValue(id, out TopicDelta? topic))
        {
            TopicImage? existing = _deleted.ContainsKey(id) ? null : _image.Topic(id);
            if (existing is null)
            {
                throw new MetadataLogException($"a partition of the unknown topic id {id}");
            }
            topic = new TopicDelta(existing.Name, id, existing);
            _changed[id] = topic;
        }
        return topic;
    }

    private static bool HasElr(TopicImage topic) =>
        Array.Exists(topic.Partitions, static p => p.Elr.Length > 0 || p.LastKnownElr.Length > 0);

    private static void ClearElr(TopicDelta topic)
    {
        for (int i = 0; i < topic.Count; i++)
        {
            if (topic.Find(i) is { } partition && (partition.Elr.Length > 0 || partition.LastKnownElr.Length > 0))
            {
                topic.Set(i, partition with { Elr = [], LastKnownElr = [] });
            }
        }
    }

    /// <summary>A record of a version without directories means: the replicas are where they are.</summary>
    private static KafkaUuid[] DirectoriesFor(int[] replicas, KafkaUuid[] directories)
    {
        if (directories.Length == 0)
        {
            directories = new KafkaUuid[replicas.Length];
            Array.Fill(directories, ReservedDirectory.Migrating);
        }
        if (directories.Length != replicas.Length)
        {
            throw new MetadataLogException($"{replicas.Length} replicas in {directories.Length} directories");
        }
        return directories;
    }
}

/// <summary>What the fields of a PartitionChangeRecord mean beyond a value.</summary>
public static class PartitionChanges
{
    /// <summary>Leader stays, and so does its epoch.</summary>
    public const int SameLeader = -2;
}
