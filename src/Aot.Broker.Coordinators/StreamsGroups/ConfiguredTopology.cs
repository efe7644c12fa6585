using Aot.Broker.Protocol.Messages;
using Stored = Aot.Broker.Protocol.Messages.StreamsGroupTopologyValue;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>What a member is told beside its tasks; values are on the wire.</summary>
public enum StreamsStatus : sbyte
{
    StaleTopology = 0,
    MissingSourceTopics = 1,
    IncorrectlyPartitionedTopics = 2,
    MissingInternalTopics = 3,
    ShutdownApplication = 4,
    AssignmentDelayed = 5,
    MissingClientTags = 6,
}

/// <summary>Why the topics do not fit the topology yet.</summary>
public sealed record TopicProblem(StreamsStatus Status, string Detail);

/// <summary>A subtopology with the numbers that the topics of the cluster give it.</summary>
/// <param name="TaskCount">As many as its widest input has partitions.</param>
public sealed record ConfiguredSubtopology(Stored.Subtopology Declared, int TaskCount)
{
    public string Id => Declared.SubtopologyId;

    public bool IsStateful => Declared.StateChangelogTopics.Count > 0;
}

/// <summary>
/// A topology held against the topics of the cluster. While there is a <paramref name="Problem"/> nobody gets tasks.
/// </summary>
/// <param name="Subtopologies">Ordered by id; null where not even their number of tasks could be found.</param>
/// <param name="Partitions">Of each internal topic, as decided.</param>
/// <param name="MissingTopics">Internal topics to be made.</param>
public sealed record ConfiguredTopology(
    IReadOnlyList<ConfiguredSubtopology>? Subtopologies,
    IReadOnlyDictionary<string, int> Partitions,
    IReadOnlyList<CreateTopicsRequest.CreatableTopic> MissingTopics,
    TopicProblem? Problem
)
{
    public bool IsReady => Problem is null;

    public ConfiguredSubtopology? Find(string id) => Subtopologies?.FirstOrDefault(one => one.Id == id);
}
