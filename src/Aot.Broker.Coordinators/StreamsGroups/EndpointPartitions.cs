using Aot.Broker.Cluster;
using Beat = Aot.Broker.Protocol.Messages.StreamsGroupHeartbeatResponse;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>Where interactive queries are answered: each member's endpoint with the partitions that its state is made of.</summary>
internal static class EndpointPartitions
{
    public static List<Beat.EndpointToPartitions> Of(StreamsGroup group)
    {
        List<Beat.EndpointToPartitions> all = [];
        foreach (StreamsMember member in group.Members)
        {
            if (member.Endpoint is { } endpoint)
            {
                TaskSet copies = member.Assigned.Standby.Union(member.Assigned.Warmup);
                all.Add(
                    new Beat.EndpointToPartitions
                    {
                        UserEndpoint = new Beat.Endpoint { Host = endpoint.Host, Port = endpoint.Port },
                        ActivePartitions = Partitions(group, member.Assigned.Active),
                        StandbyPartitions = Partitions(group, copies),
                    }
                );
            }
        }
        return all;
    }

    /// <summary>A task reads its partition of every source that has so many.</summary>
    private static List<Beat.TopicPartition> Partitions(StreamsGroup group, TaskSet tasks)
    {
        List<Beat.TopicPartition> read = [];
        if (group is not { Configured: { } topology, ConfiguredImage: { } image })
        {
            return read;
        }
        tasks.BySubtopology(
            (id, ofOne) =>
            {
                foreach (string source in SourcesOf(topology.Find(id)))
                {
                    int count = image.Topic(source)?.Partitions.Length ?? 0;
                    List<int> partitions = [.. ofOne.Select(task => task.Partition).Where(p => p < count)];
                    if (partitions.Count > 0)
                    {
                        read.Add(new Beat.TopicPartition { Topic = source, Partitions = partitions });
                    }
                }
                return id;
            }
        );
        return read;
    }

    private static IEnumerable<string> SourcesOf(ConfiguredSubtopology? subtopology) =>
        subtopology is null ? [] : StreamsTopology.SourcesOf(subtopology.Declared).Distinct();
}
