using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Cluster;

/// <summary>
/// Keeps the logs of a core as the metadata wants them: one open log for each partition that this broker holds and this
/// core owns, leading in the epoch of the image, with the topic's settings; none for a topic that is gone. It runs
/// before the image becomes visible, so who finds a partition in the image finds its log too, unless the disk refused
/// it.
/// </summary>
/// <remarks>One instance for all cores; what it remembers is per core.</remarks>
internal sealed class PartitionLogKeeper : IMetadataListener
{
    /// <summary>Logs of a core that are being opened at once: enough for the helper threads, and to sync new ones in groups.</summary>
    private const int OpeningMax = 256;

    private const long RetryMs = 250;
    private const long RetryMsMax = 5_000;

    private static readonly Logger s_log = Log.For("metadata");

    private readonly int _nodeId;
    private readonly LogDirectories _directories;
    private readonly IReadOnlyList<IMetadataListener> _followers;
    private readonly Dictionary<KafkaUuid, string> _pathOfDirectory = [];
    private readonly TopicLogConfigs?[] _configs;
    private readonly ConfigValues?[] _settings;

    /// <param name="nodeId">Ours.</param>
    /// <param name="coreCount">Of this process.</param>
    /// <param name="directories">Where logs are.</param>
    /// <param name="followers">Those that hear of an image after this: they find the logs open.</param>
    public PartitionLogKeeper(
        int nodeId,
        int coreCount,
        LogDirectories directories,
        IReadOnlyList<IMetadataListener> followers
    )
    {
        _nodeId = nodeId;
        _directories = directories;
        _followers = followers;
        _configs = new TopicLogConfigs?[coreCount];
        _settings = new ConfigValues?[coreCount];
        foreach (LogDirectory directory in directories.All)
        {
            if (directory.Meta is { } meta)
            {
                _pathOfDirectory[meta.DirectoryId] = directory.Path;
            }
        }
    }

    public async ValueTask OnImageAsync(Core core, MetadataImage previous, MetadataImage current, MetadataDelta delta)
    {
        LogSet logs = core.Get<LogSet>();
        TopicLogConfigs configs = ConfigsOf(core, out bool brokerChanged);
        if (delta.Topics is { } topics)
        {
            foreach (TopicImage topic in topics.Deleted.Values)
            {
                await DeleteAsync(logs, topic);
            }
            await OpenAsync(core, logs, configs, current, topics);
        }
        if (brokerChanged)
        {
            logs.Directories.Cleaners.Configure(LogSettings.ToCleanerOptions(core.Get<MetadataView>().Settings));
            LogSettings.ConfigureMoves(logs.Directories, core.Get<MetadataView>().Settings);
            foreach (PartitionLog log in logs.All)
            {
                if (log.TopicId != KafkaUuid.Metadata)
                {
                    log.Configure(configs.Of(current, log.Name.Topic));
                }
            }
        }
        else if (delta.Configs is { } changed)
        {
            foreach (ConfigResource resource in changed.Changed)
            {
                if (resource.Type == ConfigResourceKind.Topic && current.Topic(resource.Name) is { } topic)
                {
                    Configure(logs, topic, configs.Of(current, topic.Name));
                }
            }
        }
    }

    private TopicLogConfigs ConfigsOf(Core core, out bool brokerChanged)
    {
        ConfigValues settings = core.Get<MetadataView>().Settings;
        int index = core.Index.Value;
        brokerChanged = _settings[index] is not null && _settings[index] != settings;
        if (_configs[index] is null || brokerChanged)
        {
            _configs[index] = new TopicLogConfigs(settings);
        }
        _settings[index] = settings;
        return _configs[index]!;
    }

    private static async ValueTask DeleteAsync(LogSet logs, TopicImage topic)
    {
        for (int i = 0; i < topic.Partitions.Length; i++)
        {
            if (logs.Find(topic.Id, i) is { } log)
            {
                ErrorCode error = await logs.DeleteAsync(log);
                if (error != ErrorCode.None)
                {
                    s_log.Error("a deleted partition's files stay", ("partition", log.Name), ("error", error));
                }
            }
        }
    }

    private async ValueTask OpenAsync(
        Core core,
        LogSet logs,
        TopicLogConfigs configs,
        MetadataImage image,
        TopicsDelta topics
    )
    {
        List<Task> opening = [];
        foreach (TopicDelta topic in topics.Changed.Values)
        {
            foreach ((int index, PartitionImage partition) in topic.ChangedPartitions)
            {
                if (
                    PartitionPlacement.CoreOf(topic.Id, index, core.CoreCount) != core.Index
                    || !partition.Replicas.Contains(_nodeId)
                )
                {
                    continue;
                }
                if (logs.Find(topic.Id, index) is { } log)
                {
                    Lead(log, partition);
                    continue;
                }
                if (IsInLostDirectory(new TopicPartition(topic.Name, index), partition, out KafkaUuid directory))
                {
                    s_log.Error(
                        "a partition is offline: its data directory is not there",
                        ("partition", new TopicPartition(topic.Name, index)),
                        ("directoryId", directory)
                    );
                    continue;
                }
                opening.Add(OpenAsync(logs, topic, index, partition, configs.Of(image, topic.Name)));
                if (opening.Count == OpeningMax)
                {
                    await CoreTasks.AllAsync(opening);
                    opening.Clear();
                }
            }
        }
        await CoreTasks.AllAsync(opening);
    }

    /// <summary>Its records are elsewhere: a new, empty log in another directory would take their place.</summary>
    private bool IsInLostDirectory(TopicPartition name, PartitionImage partition, out KafkaUuid directory)
    {
        directory = partition.DirectoryOf(_nodeId);
        return directory != ReservedDirectory.Migrating
            && directory != ReservedDirectory.Unassigned
            && !_pathOfDirectory.ContainsKey(directory)
            && !_directories.Has(name);
    }

    private async Task OpenAsync(LogSet logs, TopicDelta topic, int index, PartitionImage partition, LogConfig config)
    {
        TopicPartition name = new(topic.Name, index);
        string? path = _pathOfDirectory.GetValueOrDefault(partition.DirectoryOf(_nodeId));
        (ErrorCode error, PartitionLog? log) = await logs.OpenAsync(name, topic.Id, config, path);
        if (error == ErrorCode.InconsistentTopicId)
        {
            s_log.Warn("a directory holds another topic of the same name: put aside as stray", ("partition", name));
            await logs.MarkStrayAsync(name);
            (error, log) = await logs.OpenAsync(name, topic.Id, config, path);
        }
        if (log is null)
        {
            s_log.Error(
                "a partition cannot be opened and is offline; it is tried again",
                ("partition", name),
                ("error", error)
            );
            logs.Core.Spawn(core => TryAgainAsync(core, logs, topic.Id, name, path));
            return;
        }
        Lead(log, partition);
        if (log.LogDirectory.Meta?.DirectoryId != partition.DirectoryOf(_nodeId))
        {
            // A directory that somebody preferred for it. At the start nobody listens yet, and all logs are looked at later.
            logs.Moves.OnMoved?.Invoke(log);
        }
    }

    /// <summary>
    /// A disk that was full, or a process that was short of descriptors, may be well again: the partition comes back
    /// without a restart. Ends when it has, or its topic is gone, or the logs are closed.
    /// </summary>
    private async ValueTask TryAgainAsync(Core core, LogSet logs, KafkaUuid topicId, TopicPartition name, string? path)
    {
        for (long wait = RetryMs; ; wait = Math.Min(wait * 2, RetryMsMax))
        {
            await core.DelayAsync(wait);
            if (
                logs.IsClosed
                || Find(core, topicId, name.Partition) is null
                || logs.Find(topicId, name.Partition) is not null
            )
            {
                return;
            }
            LogConfig config = ConfigsOf(core, out _).Of(core.Get<MetadataView>().Image, name.Topic);
            (_, PartitionLog? log) = await logs.OpenAsync(name, topicId, config, path);
            if (log is null)
            {
                continue;
            }
            if (Find(core, topicId, name.Partition) is { } partition)
            {
                Lead(log, partition);
                s_log.Info("a partition is online again", ("partition", name));
                await TellAsync(core, topicId, name.Partition);
            }
            else
            {
                await logs.DeleteAsync(log);
            }
            return;
        }
    }

    /// <summary>Who works with logs hears of one that came late as of a partition that changed.</summary>
    private async ValueTask TellAsync(Core core, KafkaUuid topicId, int partition)
    {
        MetadataImage image = core.Get<MetadataView>().Image;
        MetadataDelta delta = new(image);
        PartitionChangeRecord nothing = new() { TopicId = topicId, PartitionId = partition };
        delta.Replay(new MetadataRecord(nothing, 0));
        foreach (IMetadataListener follower in _followers)
        {
            await follower.OnImageAsync(core, image, image, delta);
        }
    }

    private static PartitionImage? Find(Core core, KafkaUuid topicId, int partition) =>
        core.Get<MetadataView>().Image.Topic(topicId)?.Partition(partition);

    private void Lead(PartitionLog log, PartitionImage partition)
    {
        if (partition.Leader == _nodeId && log.LeaderEpoch != partition.LeaderEpoch)
        {
            log.BecomeLeader(partition.LeaderEpoch);
        }
    }

    private static void Configure(LogSet logs, TopicImage topic, LogConfig config)
    {
        for (int i = 0; i < topic.Partitions.Length; i++)
        {
            logs.Find(topic.Id, i)?.Configure(config);
        }
    }
}
