using Aot.Broker.Protocol.Messages;
using Declared = Aot.Broker.Protocol.Messages.StreamsGroupHeartbeatRequest;
using Stored = Aot.Broker.Protocol.Messages.StreamsGroupTopologyValue;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>
/// The topology of a streams application as its members declare it: subtopologies with the topics that they read, write
/// and keep their state in. The number of partitions of internal topics is 0 where the broker is to decide it. Immutable.
/// </summary>
public sealed class StreamsTopology
{
    private const short Version = 0;

    private readonly byte[] _comparable;
    private readonly Dictionary<string, string> _subtopologyOf = [];

    public StreamsTopology(StreamsGroupTopologyValue record)
    {
        Record = record;
        Subtopologies = [.. record.Subtopologies.OrderBy(one => one.SubtopologyId, StringComparer.Ordinal)];
        _comparable = RecordBytes.Value(
            new StreamsGroupTopologyValue { Epoch = record.Epoch, Subtopologies = [.. Subtopologies] },
            Version
        );
        HashSet<string> required = [];
        foreach (Stored.Subtopology subtopology in Subtopologies)
        {
            foreach (string source in SourcesOf(subtopology))
            {
                _subtopologyOf[source] = subtopology.SubtopologyId;
                required.Add(source);
            }
            required.UnionWith(subtopology.StateChangelogTopics.Select(topic => topic.Name));
        }
        RequiredTopics = required;
        SourceTopics = new HashSet<string>(_subtopologyOf.Keys);
    }

    /// <summary>As it is stored, in the order in which it was declared.</summary>
    public StreamsGroupTopologyValue Record { get; }

    public int Epoch => Record.Epoch;

    /// <summary>Ordered by id.</summary>
    public IReadOnlyList<Stored.Subtopology> Subtopologies { get; }

    /// <summary>Every topic that has to be there before the application can run.</summary>
    public IReadOnlySet<string> RequiredTopics { get; }

    /// <summary>Those that the application reads, repartition topics among them.</summary>
    public IReadOnlySet<string> SourceTopics { get; }

    /// <summary>The subtopology that reads the topic; null when none does.</summary>
    public string? SubtopologyOf(string topic) => _subtopologyOf.GetValueOrDefault(topic);

    /// <summary>The same epoch and the same subtopologies, in whatever order.</summary>
    public bool IsSame(StreamsTopology other) => _comparable.AsSpan().SequenceEqual(other._comparable);

    /// <summary>Names of the topics that a subtopology reads.</summary>
    public static IEnumerable<string> SourcesOf(Stored.Subtopology subtopology) =>
        subtopology.SourceTopics.Concat(subtopology.RepartitionSourceTopics.Select(topic => topic.Name));

    /// <summary>Every topic that a member names, whatever for; a name may come several times.</summary>
    public static IEnumerable<string> NamesIn(Declared.TopologyData topology) =>
        topology.Subtopologies.SelectMany(subtopology =>
            subtopology
                .SourceTopics.Concat(subtopology.RepartitionSinkTopics)
                .Concat(subtopology.RepartitionSourceTopics.Select(topic => topic.Name))
                .Concat(subtopology.StateChangelogTopics.Select(topic => topic.Name))
        );

    public static StreamsTopology From(Declared.TopologyData topology) =>
        new(
            new StreamsGroupTopologyValue
            {
                Epoch = topology.Epoch,
                Subtopologies =
                [
                    .. topology.Subtopologies.Select(subtopology => new Stored.Subtopology
                    {
                        SubtopologyId = subtopology.SubtopologyId,
                        SourceTopics = subtopology.SourceTopics,
                        SourceTopicRegex = subtopology.SourceTopicRegex,
                        StateChangelogTopics = [.. subtopology.StateChangelogTopics.Select(Store)],
                        RepartitionSinkTopics = subtopology.RepartitionSinkTopics,
                        RepartitionSourceTopics = [.. subtopology.RepartitionSourceTopics.Select(Store)],
                        CopartitionGroups =
                        [
                            .. subtopology.CopartitionGroups.Select(group => new Stored.CopartitionGroup
                            {
                                SourceTopics = group.SourceTopics,
                                SourceTopicRegex = group.SourceTopicRegex,
                                RepartitionSourceTopics = group.RepartitionSourceTopics,
                            }),
                        ],
                    }),
                ],
            }
        );

    private static Stored.TopicInfo Store(Declared.TopicInfo topic) =>
        new()
        {
            Name = topic.Name,
            Partitions = topic.Partitions,
            ReplicationFactor = topic.ReplicationFactor,
            TopicConfigs =
            [
                .. topic.TopicConfigs.Select(config => new Stored.TopicConfig
                {
                    Key = config.Key,
                    Value = config.Value,
                }),
            ],
        };
}
