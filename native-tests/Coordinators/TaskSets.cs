using Aot.Broker.Coordinators.StreamsGroups;

namespace Aot.Broker.Coordinators.Tests;

internal static class TaskSets
{
    /// <summary>Tasks of one subtopology.</summary>
    public static TaskSet Of(string subtopology, params IEnumerable<int> partitions) =>
        TaskSet.Of(partitions.Select(partition => new StreamsTask(subtopology, partition)));
}
