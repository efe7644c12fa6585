using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Linux;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Cluster;

/// <summary>
/// This node's part in the cluster: the only voter of its quorum, the controller, and a broker. Owned by core 0; made
/// once, after the log directories are locked and before connections are accepted.
/// </summary>
/// <remarks>
/// Start: format what is empty, replay the metadata log, lead a new epoch, register the broker and unfence it, open the
/// logs of its partitions, publish the image to every core. The records of the start go into the log, but nobody waits
/// until they are on the disk: should a crash lose them, the next start writes them again, and nothing was acknowledged
/// because of them. The first acknowledged change waits for everything before it.
/// </remarks>
public sealed class ClusterNode
{
    private static readonly Logger s_log = Log.For("metadata");

    private readonly Core _core;
    private readonly ClusterNodeOptions _options;
    private readonly LogDirectories _directories;
    private readonly List<string> _unsynced = [];
    private MetadataWriter _writer = null!;
    private SingleVoterQuorum _quorum = null!;
    private Snapshotter _snapshotter = null!;

    private ClusterNode(Core core, LogDirectories directories, ClusterNodeOptions options)
    {
        _core = core;
        _directories = directories;
        _options = options;
    }

    public Controller Controller { get; private set; } = null!;

    public string ClusterId { get; private set; } = "";

    public int NodeId => _options.NodeId;

    /// <summary>The quorum's epoch, for those who ask about it.</summary>
    public int Epoch => _quorum.Epoch;

    /// <summary>The metadata log; core 0 only.</summary>
    public PartitionLog MetadataLog => _quorum.Log;

    /// <summary>Of the registration in force: what a clean stop writes down.</summary>
    public long BrokerEpoch => _writer.Published.Broker(NodeId)?.Epoch ?? -1;

    /// <summary>The core's own copy.</summary>
    public static MetadataImage Image(Core core) => core.Get<MetadataView>().Image;

    /// <summary>
    /// Makes the node. Attaches a <see cref="MetadataView"/> and a <see cref="LogSet"/> to every core. Called from a
    /// thread that is no core; the cores run.
    /// </summary>
    /// <exception cref="ClusterStartException">The directory is another node's or cluster's, or its metadata cannot be used.</exception>
    /// <exception cref="MetadataLogException">The metadata log contradicts itself or is of a later version.</exception>
    public static Task<ClusterNode> StartAsync(
        IReadOnlyList<Core> cores,
        LogDirectories directories,
        ClusterNodeOptions options,
        LogSetOptions? logSetOptions = null
    ) =>
        cores[0]
            .RunFromThreadAsync(async core =>
            {
                ClusterNode node = new(core, directories, options);
                directories.Cleaners.Configure(LogSettings.ToCleanerOptions(options.StartedWith));
                LogSettings.ConfigureMoves(directories, options.StartedWith);
                node.EnsureFormatted();
                await core.RunOnAllAsync(each =>
                {
                    each.Set(new MetadataView(options.StartedWith));
                    each.Set(new LogSet(each, directories, logSetOptions));
                    return ValueTask.CompletedTask;
                });
                await node.StartAsync();
                return node;
            });

    /// <summary>
    /// Closes the logs of all cores and, when that was clean, leaves the mark that spares the next start its recovery.
    /// No request may be under way any more. Called from a thread that is no core.
    /// </summary>
    public async Task StopAsync(bool clean)
    {
        await _core.RunFromThreadAsync(async core =>
        {
            if (clean && !_hasFailed && _writer.Latest.Broker(NodeId) is { Fenced: false } self)
            {
                // Whoever leads this log next need not wait for our session to run out.
                List<MetadataRecord> records = BrokerControl.Stop(_writer.Latest, self);
                foreach (MetadataRecord[] batch in records.Chunk(MetadataLimits.RecordsPerChangeMax))
                {
                    await _writer.WriteAsync(batch);
                }
            }
            _writer.Close();
            await core.RunOnAllAsync(each => each.Get<LogSet>().CloseAsync(clean));
            if (clean && !_hasFailed)
            {
                long epoch = BrokerEpoch;
                await core.RunInBackgroundAsync(() =>
                {
                    _directories.SaveCleanShutdown(epoch);
                    return true;
                });
            }
        });
    }

    /// <summary>Directories that are new become this cluster's; the others must be this node's already.</summary>
    private void EnsureFormatted()
    {
        LogDirectory metadata = _directories.Metadata;
        MetaProperties? known = _directories
            .WithMetadata.Select(static each => each.Meta)
            .FirstOrDefault(static m => m is not null);
        if (known is not null && metadata.Meta is null)
        {
            throw new ClusterStartException(
                $"the metadata directory {metadata.Path} is not formatted, but other data directories are"
            );
        }
        if (known is { Version: 0 })
        {
            throw new ClusterStartException($"{metadata.Path} belongs to a cluster that uses ZooKeeper");
        }
        if (known is not null && known.NodeId != NodeId)
        {
            throw new ClusterStartException(
                $"{metadata.Path} belongs to node {known.NodeId}, and this is node {NodeId}"
            );
        }
        if (known is not null && _options.ClusterId is { } wanted && wanted != known.ClusterId)
        {
            throw new ClusterStartException(
                $"{metadata.Path} belongs to the cluster {known.ClusterId}, and this is to be {wanted}"
            );
        }
        ClusterId = known?.ClusterId ?? _options.ClusterId ?? KafkaUuid.NewRandom(_core.NextRandom).ToString();
        if (metadata.Meta is not null)
        {
            return;
        }
        string? failure = Formatter.WriteMetadataLog(
            _core.Disk,
            metadata.Path,
            FeatureSelection.Select(null, [], votersAreInLog: false, out _, out _)!,
            _core.WallMillis,
            _unsynced
        );
        if (failure is not null)
        {
            throw new DataDirectoryException(DataDirectoryProblem.Disk, failure);
        }
    }

    /// <summary>
    /// One of several data directories failed: its logs stop on every core, then the cluster hears of it. Without the
    /// directory of the metadata log there is no going on.
    /// </summary>
    private async ValueTask LoseDirectoryAsync(Core core, LogDirectory directory)
    {
        if (ReferenceEquals(directory, _directories.Metadata))
        {
            Fail(
                new DataDirectoryException(DataDirectoryProblem.Disk, $"the metadata directory {directory.Path} failed")
            );
            return;
        }
        await core.RunOnAllAsync(each =>
        {
            each.Get<LogSet>().TakeOffline(directory);
            return ValueTask.CompletedTask;
        });
        await Controller.LoseDirectoryAsync(core, directory.Meta!.DirectoryId);
    }

    /// <summary>
    /// Directories that are new, or from before directories had ids, get their identity. It blocks on the disk, so it
    /// runs beside the opening of the metadata log; the mark that makes a directory formatted comes last, when what it
    /// stands for is on the disk.
    /// </summary>
    private Task<bool> SaveIdentitiesAsync()
    {
        long nowMs = _core.WallMillis;
        List<(LogDirectory Directory, MetaProperties Meta)> missing = [];
        foreach (LogDirectory directory in _directories.WithMetadata)
        {
            if (directory.Meta is not { Version: 1, DirectoryId.IsZero: false })
            {
                KafkaUuid id = KafkaUuid.NewRandom(_core.NextRandom);
                missing.Add((directory, new MetaProperties(1, ClusterId, NodeId, id)));
            }
        }
        if (missing.Count == 0)
        {
            return Task.FromResult(true);
        }
        Disk disk = _core.Disk;
        return _core.RunInBackgroundAsync(() =>
        {
            Errno failure = disk.SyncAll(_unsynced);
            if (failure != Errno.None)
            {
                _directories.StopOnSyncFailure(_directories.Metadata.Path, failure);
            }
            foreach ((LogDirectory directory, MetaProperties meta) in missing)
            {
                _directories.SaveMeta(directory, meta, nowMs);
            }
            return true;
        });
    }

    private async Task StartAsync()
    {
        LogSet logs = _core.Get<LogSet>();
        ConfigValues settings = _options.StartedWith;
        MetadataLogStart start = new(_core, logs, _directories.Metadata.Path, NodeId)
        {
            SegmentBytes = settings.GetInt("metadata.log.segment.bytes"),
            SegmentMs = settings.GetLong("metadata.log.segment.ms"),
        };
        Task<bool> identities = SaveIdentitiesAsync();
        PartitionLog log = await start.OpenAsync();
        await identities;
        Lead(start, log);
        ControlFacts facts = new()
        {
            NodeId = NodeId,
            StartedWith = settings,
            Random = _core.NextRandom,
            Voter = SelfAsVoter(),
            Directories = _directories.All.ToDictionary(each => each.Path, each => each.Meta!.DirectoryId),
        };
        PartitionLogKeeper keeper = new(NodeId, _core.CoreCount, _directories, _options.Listeners);
        _writer = new MetadataWriter(_core, _quorum, [keeper, .. _options.Listeners], facts, Fail);
        _snapshotter = new Snapshotter(_core, log, start.Directory, Policy(settings), start.SnapshotEnd);
        _writer.OnPublished = _snapshotter.OnPublished;
        MetadataImage image = AppendStart(start, facts);
        await PutStraysAside(logs, image);
        if (!await _writer.PublishStartAsync(image, start.Replay.Delta))
        {
            throw new DataDirectoryException(
                DataDirectoryProblem.Disk,
                $"the metadata log in {start.Directory} cannot be written (is the disk full?)"
            );
        }
        Controller = new Controller(_writer, facts);
        _directories.WhenDirectoryFails(directory =>
            _ = _core.RunFromThreadAsync(core => LoseDirectoryAsync(core, directory))
        );
        await _core.RunOnAllAsync(core => DirectoryReports.Begin(core, Controller, NodeId));
    }

    /// <summary>A new epoch, and what must be on the disk before anything in it counts.</summary>
    private void Lead(MetadataLogStart start, PartitionLog log)
    {
        MetadataImage found = start.Replay.Finish();
        if (found.KRaftVersion >= 1 && (found.Voters.Length != 1 || found.Voters[0].Id != NodeId))
        {
            throw new ClusterStartException(
                $"the metadata log in {start.Directory} belongs to the quorum of the nodes "
                    + $"{string.Join(", ", found.Voters.Select(static voter => voter.Id))}; "
                    + "a quorum of more than this node is not supported"
            );
        }
        int epoch = start.NextEpoch(log);
        QuorumState state = new()
        {
            LeaderId = NodeId,
            LeaderEpoch = epoch,
            Voters = found.KRaftVersion >= 1 ? [] : [NodeId],
            DataVersion = found.KRaftVersion >= 1 ? (short)1 : (short)0,
        };
        // Renamed only when its content is on the disk: a power loss must not leave half a file in place of the last one.
        string path = Path.Combine(start.Directory, QuorumState.FileName);
        byte[] bytes = state.ToBytes();
        Disk disk = _core.Disk;
        Task<bool> durable = _core.RunInBackgroundAsync(() =>
        {
            Errno failure = disk.WriteAllBytesAtomically(path, bytes);
            if (failure != Errno.None)
            {
                _directories.StopOnSyncFailure(path, failure);
            }
            return failure == Errno.None;
        });
        _quorum = new SingleVoterQuorum(log, NodeId, epoch, durable);
    }

    /// <summary>The first records of the epoch, and the image with them.</summary>
    private MetadataImage AppendStart(MetadataLogStart start, ControlFacts facts)
    {
        long nowMs = _core.WallMillis;
        MetadataReplay replay = start.Replay;
        bool isNew = replay.Finish().Features.MetadataVersion == 0;
        List<MetadataRecord> bootstrap = isNew ? start.BootstrapRecords() : [];
        if (start.BootstrapVoters is { } voters)
        {
            replay.Delta.ReplayKRaftVersion(1);
            replay.Delta.ReplayVoters(voters);
        }
        _quorum.AppendLeaderChange(start.BootstrapVoters ?? MovedVoters(replay, facts.Voter), nowMs);
        if (replay.IsInTransaction)
        {
            Append(replay, [MetadataLogStart.AbortOpenTransaction()], nowMs);
        }
        if (isNew)
        {
            Append(replay, Bootstrap(bootstrap, facts), nowMs);
        }
        MetadataImage image = replay.Finish();
        List<MetadataRecord> records = [];
        if (MetadataVersions.HasControllerRegistration(image.Features.MetadataVersion))
        {
            records.Add(BrokerControl.RegisterController(SelfAsController()));
        }
        BrokerImage self = SelfAsBroker() with { CordonedDirectories = CordonControl.Of(image, facts) };
        bool wasClean =
            _directories.All.All(static directory => directory.HadCleanShutdown)
            && image.Broker(NodeId) is { } before
            && _directories.All.All(directory => directory.PreviousBrokerEpoch == before.Epoch);
        records.AddRange(BrokerControl.Register(image, self, _quorum.NextOffset + records.Count, wasClean));
        long last = Append(replay, records, nowMs);
        return replay.Delta.Apply(last, _quorum.Epoch, nowMs) with { ClusterId = ClusterId, ControllerId = NodeId };
    }

    private long Append(MetadataReplay replay, List<MetadataRecord> records, long nowMs)
    {
        long last = -1;
        foreach (MetadataRecord[] batch in records.Chunk(MetadataLimits.RecordsPerChangeMax))
        {
            last = _quorum.Append(batch, nowMs);
        }
        foreach (MetadataRecord record in records)
        {
            replay.Replay(record);
        }
        return last;
    }

    private static List<MetadataRecord> Bootstrap(List<MetadataRecord> records, ControlFacts facts)
    {
        MetadataDelta delta = new(MetadataImage.Empty);
        foreach (MetadataRecord record in records)
        {
            delta.Replay(record);
        }
        MetadataImage image = delta.Apply(0, 0, 0);
        List<MetadataRecord> all = [.. records];
        if (image.Features.IsElrEnabled)
        {
            FeatureControl.AddMinInsyncReplicas(image, facts, all);
        }
        if (MetadataVersions.HasTransactions(image.Features.MetadataVersion))
        {
            all.Insert(0, new MetadataRecord(new BeginTransactionRecord { Name = "Bootstrap records" }, 0));
            all.Add(new MetadataRecord(new EndTransactionRecord(), 0));
        }
        return all;
    }

    private BrokerImage SelfAsBroker() =>
        new()
        {
            Id = NodeId,
            Epoch = -1,
            IncarnationId = KafkaUuid.NewRandom(_core.NextRandom),
            EndPoints = [.. _options.AdvertisedListeners],
            Features = Features.Supported,
            Rack = _options.Rack,
            Directories = DirectoryIds(),
        };

    private KafkaUuid[] DirectoryIds()
    {
        List<KafkaUuid> ids = [];
        foreach (LogDirectory directory in _directories.All)
        {
            ids.Add(directory.Meta!.DirectoryId);
        }
        ids.Sort();
        return [.. ids];
    }

    /// <summary>
    /// The voters of a log that names this node with other addresses than it has now, put right, as a new leader writes
    /// them; null where there is nothing to put right.
    /// </summary>
    private static VoterImage[]? MovedVoters(MetadataReplay replay, VoterImage self)
    {
        MetadataImage found = replay.Finish();
        if (found.KRaftVersion < 1 || !found.Voters.Any(voter => voter.IsSameVoter(self) && !voter.IsReachedLike(self)))
        {
            return null;
        }
        VoterImage[] voters = [.. found.Voters.Select(voter => voter.IsSameVoter(self) ? self : voter)];
        replay.Delta.ReplayVoters(voters);
        return voters;
    }

    private VoterImage SelfAsVoter()
    {
        FeatureRange versions = Features.Range(Features.KRaftVersion)!.Value;
        return new VoterImage(
            NodeId,
            _directories.Metadata.Meta!.DirectoryId,
            [.. _options.ControllerListeners.Select(static each => each with { SecurityProtocol = 0 })],
            versions.Lowest,
            versions.Highest
        );
    }

    private ControllerImage SelfAsController() =>
        new()
        {
            Id = NodeId,
            IncarnationId = KafkaUuid.NewRandom(_core.NextRandom),
            EndPoints = [.. _options.ControllerListeners],
            Features = Features.Supported,
        };

    /// <summary>Partition directories that the metadata does not place here are kept for a person, out of the way.</summary>
    private async Task PutStraysAside(LogSet logs, MetadataImage image)
    {
        if (_directories.PartitionCount <= 1)
        {
            return;
        }
        // By name: a directory of another topic with the same name shows itself when the log is opened.
        foreach (TopicPartition name in _directories.ListNames())
        {
            bool isOurs =
                name == TopicPartition.ClusterMetadata
                || (
                    image.Topic(name.Topic)?.Partition(name.Partition) is { } partition
                    && partition.Replicas.Contains(NodeId)
                );
            if (!isOurs)
            {
                s_log.Warn("a partition that the metadata does not know: put aside as stray", ("partition", name));
                await logs.MarkStrayAsync(name);
            }
        }
    }

    private static SnapshotPolicy Policy(ConfigValues settings) =>
        new()
        {
            BytesBetween = settings.GetLong("metadata.log.max.record.bytes.between.snapshots"),
            IntervalMs = settings.GetLong("metadata.log.max.snapshot.interval.ms"),
            RetentionBytes = settings.GetLong("metadata.max.retention.bytes"),
            RetentionMs = settings.GetLong("metadata.max.retention.ms"),
        };

    private bool _hasFailed;

    private void Fail(Exception error)
    {
        if (!_hasFailed)
        {
            _hasFailed = true;
            _options.OnFatal(error);
        }
    }
}
