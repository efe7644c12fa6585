using Aot.Broker.Base;

namespace Aot.Broker.Cluster;

/// <summary>
/// Chooses the brokers of new partitions: replicas of one partition in different racks as far as there are racks,
/// leaders and replicas spread evenly, a fenced broker never first.
///
/// Brokers are laid out as a ring of racks, each with its own ring of brokers. Partition p starts at rack s + p; its
/// replicas take the following racks in turn, each time the next broker of that rack that the partition does not have
/// yet. Every round over the racks shifts the rings, so that followers of one leader differ.
/// </summary>
internal static class ReplicaPlacement
{
    /// <summary>Null with the reason in <paramref name="problem"/> when it cannot be done.</summary>
    public static int[][]? Place(
        MetadataImage image,
        int firstPartition,
        int partitions,
        int replicationFactor,
        Func<ulong> random,
        out string problem
    )
    {
        List<BrokerImage> usable = [.. image.Brokers.Where(IsUsable)];
        string cannot = $"Unable to replicate the partition {replicationFactor} time(s): ";
        if (replicationFactor > usable.Count)
        {
            problem =
                cannot
                + $"The target replication factor of {replicationFactor} cannot be reached because only "
                + $"{usable.Count} broker(s) are registered or some brokers have all their log directories cordoned.";
            return null;
        }
        if (!usable.Exists(static broker => broker.IsActive))
        {
            problem = cannot + "All brokers are currently fenced.";
            return null;
        }
        problem = "";
        BrokerImage[][] racks =
        [
            .. usable
                .GroupBy(static broker => broker.Rack ?? "", StringComparer.Ordinal)
                .OrderBy(static rack => rack.Key, StringComparer.Ordinal)
                .Select(static rack => rack.ToArray()),
        ];
        int start = (int)(random() % (ulong)usable.Count);
        int[][] placed = new int[partitions][];
        for (int i = 0; i < partitions; i++)
        {
            placed[i] = PlaceOne(racks, start + firstPartition + i, replicationFactor);
        }
        return placed;
    }

    private static bool IsUsable(BrokerImage broker) =>
        broker.CordonedDirectories is not { Length: > 0 } || !Array.TrueForAll(broker.Directories, broker.IsCordoned);

    private static int[] PlaceOne(BrokerImage[][] racks, int turn, int replicationFactor)
    {
        List<BrokerImage> chosen = new(replicationFactor);
        // Each pass gives every rack one more replica; the number of passes is bounded by the largest rack.
        for (int step = 0; chosen.Count < replicationFactor; step++)
        {
            BrokerImage[] rack = racks[(turn + step) % racks.Length];
            int shift = (turn / racks.Length) + (step / racks.Length);
            for (int i = 0; i < rack.Length; i++)
            {
                BrokerImage candidate = rack[(shift + i) % rack.Length];
                if (!chosen.Contains(candidate))
                {
                    chosen.Add(candidate);
                    break;
                }
            }
        }
        int leader = chosen.FindIndex(static broker => broker.IsActive);
        if (leader < 0)
        {
            // All of them are fenced: take an active broker in place of the last.
            BrokerImage active = racks.SelectMany(static rack => rack).First(static broker => broker.IsActive);
            chosen[^1] = active;
            leader = chosen.Count - 1;
        }
        (chosen[0], chosen[leader]) = (chosen[leader], chosen[0]);
        return [.. chosen.Select(static broker => broker.Id)];
    }
}

/// <summary>
/// Chooses the log directory of new replicas: the only one that takes new partitions, or that of this node with the
/// fewest replicas. Another broker with several chooses for itself. Made for one plan: it counts what it hands out.
/// </summary>
internal sealed class DirectoryChooser(MetadataImage image, int nodeId)
{
    private Dictionary<KafkaUuid, int>? _replicas;

    public KafkaUuid[] For(int[] replicas) => [.. replicas.Select(For)];

    private KafkaUuid For(int brokerId)
    {
        BrokerImage? broker = image.Broker(brokerId);
        if (broker is null || broker.Directories.Length == 0)
        {
            return ReservedDirectory.Migrating;
        }
        KafkaUuid[] open = [.. broker.Directories.Where(directory => !broker.IsCordoned(directory))];
        if (open.Length == 1)
        {
            return open[0];
        }
        if (open.Length == 0 || brokerId != nodeId)
        {
            return ReservedDirectory.Unassigned;
        }
        _replicas ??= Count();
        KafkaUuid chosen = open.MinBy(directory => _replicas.GetValueOrDefault(directory));
        _replicas[chosen] = _replicas.GetValueOrDefault(chosen) + 1;
        return chosen;
    }

    private Dictionary<KafkaUuid, int> Count()
    {
        Dictionary<KafkaUuid, int> replicas = [];
        foreach (TopicImage topic in image.Topics)
        {
            foreach (PartitionImage partition in topic.Partitions)
            {
                KafkaUuid directory = partition.DirectoryOf(nodeId);
                replicas[directory] = replicas.GetValueOrDefault(directory) + 1;
            }
        }
        return replicas;
    }
}
