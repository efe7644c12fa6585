using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Stored = Aot.Broker.Protocol.Messages.StreamsGroupTopologyValue;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>
/// Holds a topology against the topics of the cluster: are its sources there, how many partitions do its internal topics
/// need, are topics that are joined cut alike, which internal topics are missing (KIP-1071, "Topology Configuration").
/// Pure but for what it collects; used once.
/// </summary>
internal sealed class TopicConfiguration(StreamsTopology topology, Func<string, int?> existing)
{
    private const int NamesShown = 3;

    private readonly Dictionary<string, int> _decided = [];

    /// <summary>A topology that no topics could ever fit is refused with STREAMS_INVALID_TOPOLOGY.</summary>
    /// <param name="existing">Partitions of a topic of the cluster; null when it does not exist.</param>
    public static ConfiguredTopology? Find(StreamsTopology topology, Func<string, int?> existing, out Refusal refusal)
    {
        refusal = default;
        TopicConfiguration configuration = new(topology, existing);
        try
        {
            return configuration.Find();
        }
        catch (Unfit unfit)
        {
            if (unfit.Problem is { } problem)
            {
                return new ConfiguredTopology(null, configuration._decided, [], problem);
            }
            refusal = new Refusal(ErrorCode.StreamsInvalidTopology, unfit.Message);
            return null;
        }
    }

    public static ConfiguredTopology? Find(StreamsTopology topology, MetadataImage image, out Refusal refusal) =>
        Find(topology, name => image.Topic(name)?.Partitions.Length, out refusal);

    private ConfiguredTopology Find()
    {
        RequireSources();
        RepartitionTopics();
        foreach (Stored.Subtopology subtopology in topology.Subtopologies)
        {
            foreach (Stored.CopartitionGroup group in subtopology.CopartitionGroups)
            {
                Copartition(subtopology, group);
            }
        }
        List<ConfiguredSubtopology> subtopologies = [];
        foreach (Stored.Subtopology subtopology in topology.Subtopologies)
        {
            int widest = StreamsTopology.SourcesOf(subtopology).Select(Known).DefaultIfEmpty(0).Max();
            if (widest == 0)
            {
                throw new Unfit($"No source topics found for subtopology {subtopology.SubtopologyId}");
            }
            foreach (Stored.TopicInfo changelog in subtopology.StateChangelogTopics)
            {
                _decided[changelog.Name] = widest;
            }
            subtopologies.Add(new ConfiguredSubtopology(subtopology, widest));
        }
        List<CreateTopicsRequest.CreatableTopic> missing = MissingTopics();
        TopicProblem? problem =
            missing.Count == 0
                ? null
                : new TopicProblem(
                    StreamsStatus.MissingInternalTopics,
                    $"Internal topics are missing: {Summary([.. missing.Select(topic => topic.Name)])}"
                );
        return new ConfiguredTopology(subtopologies, _decided, missing, problem);
    }

    private void RequireSources()
    {
        string[] missing =
        [
            .. topology
                .Subtopologies.SelectMany(subtopology => subtopology.SourceTopics)
                .Where(name => existing(name) is null)
                .Distinct()
                .Order(StringComparer.Ordinal),
        ];
        if (missing.Length > 0)
        {
            throw new Unfit(
                new TopicProblem(StreamsStatus.MissingSourceTopics, $"Source topics {Summary(missing)} are missing.")
            );
        }
    }

    /// <summary>
    /// A repartition topic without a number gets that of the widest input of the subtopologies that write to it; these may
    /// read from repartition topics themselves, so it takes as many rounds as they are deep.
    /// </summary>
    private void RepartitionTopics()
    {
        foreach (Stored.TopicInfo topic in topology.Subtopologies.SelectMany(one => one.RepartitionSourceTopics))
        {
            if (topic.Partitions != 0)
            {
                _decided[topic.Name] = topic.Partitions;
            }
        }
        bool isOpen = true;
        while (isOpen)
        {
            isOpen = false;
            bool moved = false;
            foreach (Stored.Subtopology subtopology in topology.Subtopologies)
            {
                foreach (string sink in subtopology.RepartitionSinkTopics.Where(name => !_decided.ContainsKey(name)))
                {
                    if (WidestInput(subtopology) is { } partitions)
                    {
                        _decided[sink] = partitions;
                        moved = true;
                    }
                    else
                    {
                        isOpen = true;
                    }
                }
            }
            if (isOpen && !moved)
            {
                throw new Unfit(
                    "Failed to compute number of partitions for all repartition topics. There may be loops in the "
                        + "topology that cannot be resolved."
                );
            }
        }
        if (topology.Subtopologies.Any(one => one.RepartitionSourceTopics.Any(t => !_decided.ContainsKey(t.Name))))
        {
            throw new Unfit(
                "Failed to compute number of partitions for all repartition topics, because a repartition source topic "
                    + "is never used as a sink topic."
            );
        }
    }

    private int? WidestInput(Stored.Subtopology subtopology)
    {
        int? widest = null;
        foreach (Stored.TopicInfo topic in subtopology.RepartitionSourceTopics)
        {
            if (_decided.TryGetValue(topic.Name, out int decided))
            {
                widest = Math.Max(widest ?? 0, decided);
            }
        }
        foreach (string source in subtopology.SourceTopics)
        {
            if (existing(source) is { } partitions)
            {
                widest = Math.Max(widest ?? 0, partitions);
            }
        }
        return widest;
    }

    /// <summary>Topics that are read together must be cut alike; those whose number is free follow the others.</summary>
    private void Copartition(Stored.Subtopology subtopology, Stored.CopartitionGroup group)
    {
        Stored.TopicInfo[] internals =
        [
            .. group.RepartitionSourceTopics.Select(index => At(subtopology.RepartitionSourceTopics, index)),
        ];
        string[] sources = [.. group.SourceTopics.Select(index => At(subtopology.SourceTopics, index))];
        Stored.TopicInfo[] fixedOnes = [.. internals.Where(topic => topic.Partitions != 0)];
        if (sources.Length + internals.Length == 0)
        {
            return;
        }
        int partitions =
            sources.Length > 0 ? Same(sources)
            : fixedOnes.Length > 0 ? Same([.. internals.Select(topic => topic.Name)], fixedOnes)
            : internals.Max(topic => Known(topic.Name));
        foreach (Stored.TopicInfo topic in internals)
        {
            if (topic.Partitions != 0 && Known(topic.Name) != partitions)
            {
                throw new Unfit(
                    Mispartitioned(
                        $"Number of partitions [{Known(topic.Name)}] of repartition topic [{topic.Name}] doesn't match "
                            + $"number of partitions [{partitions}] of the source topic."
                    )
                );
            }
            _decided[topic.Name] = partitions;
        }
    }

    private static T At<T>(List<T> topics, short index) =>
        index >= 0 && index < topics.Count
            ? topics[index]
            : throw new Unfit($"A copartition group names topic {index} of a list of {topics.Count}.");

    private int Same(string[] names)
    {
        int first = Known(names[0]);
        return names.All(name => Known(name) == first) ? first : throw Different(names);
    }

    private int Same(string[] shown, Stored.TopicInfo[] topics)
    {
        int first = Known(topics[0].Name);
        return topics.All(topic => Known(topic.Name) == first) ? first : throw Different(shown);
    }

    private Unfit Different(string[] names) =>
        new(
            Mispartitioned(
                "Following topics do not have the same number of partitions: [{"
                    + string.Join(", ", names.Order(StringComparer.Ordinal).Select(name => $"{name}={Known(name)}"))
                    + "}]"
            )
        );

    /// <summary>A topic that exists is as it is, whatever was decided for it.</summary>
    private int Known(string name) =>
        existing(name)
        ?? (
            _decided.TryGetValue(name, out int decided)
                ? decided
                : throw new Unfit($"Number of partitions is not set for topic: {name}")
        );

    private List<CreateTopicsRequest.CreatableTopic> MissingTopics()
    {
        List<CreateTopicsRequest.CreatableTopic> missing = [];
        HashSet<string> seen = [];
        foreach (Stored.Subtopology subtopology in topology.Subtopologies)
        {
            foreach (
                Stored.TopicInfo topic in subtopology.RepartitionSourceTopics.Concat(subtopology.StateChangelogTopics)
            )
            {
                int wanted = topic.Partitions != 0 ? topic.Partitions : _decided[topic.Name];
                int? found = existing(topic.Name);
                if (found is { } other && other != wanted)
                {
                    throw new Unfit(
                        Mispartitioned(
                            $"Existing topic {topic.Name} has different number of partitions: expected {wanted}, found "
                                + $"{other}"
                        )
                    );
                }
                if (found is null && seen.Add(topic.Name))
                {
                    missing.Add(Creatable(topic, wanted));
                }
            }
        }
        return missing;
    }

    private static CreateTopicsRequest.CreatableTopic Creatable(Stored.TopicInfo topic, int partitions) =>
        new()
        {
            Name = topic.Name,
            NumPartitions = partitions,
            ReplicationFactor = topic.ReplicationFactor == 0 ? (short)-1 : topic.ReplicationFactor,
            Configs =
            [
                .. topic.TopicConfigs.Select(config => new CreateTopicsRequest.CreatableTopicConfig
                {
                    Name = config.Key,
                    Value = config.Value,
                }),
            ],
        };

    private static TopicProblem Mispartitioned(string detail) =>
        new(StreamsStatus.IncorrectlyPartitionedTopics, detail);

    private static string Summary(string[] names) =>
        string.Join(", ", names.Take(NamesShown))
        + (names.Length > NamesShown ? $" and {names.Length - NamesShown} additional topics" : "");

    /// <summary>Ends the search: for topics that may still come, or for ever.</summary>
    private sealed class Unfit : Exception
    {
        public Unfit(TopicProblem problem)
            : base(problem.Detail) => Problem = problem;

        public Unfit(string message)
            : base(message) { }

        public TopicProblem? Problem { get; }
    }
}
