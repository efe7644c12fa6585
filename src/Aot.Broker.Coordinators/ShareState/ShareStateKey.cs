using Aot.Broker.Base;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>A partition as one share group sees it: what the share coordinator keeps state for (KIP-932).</summary>
public sealed record ShareStateKey(string GroupId, KafkaUuid TopicId, int Partition)
{
    /// <summary>The partition of <c>__share_group_state</c> that has the state, of so many.</summary>
    public int PlaceAmong(int partitionCount) => CoordinatorPartition.Of(ToString(), partitionCount);

    /// <summary>Reads the form of <see cref="ToString"/>, as FindCoordinator asks with it.</summary>
    public static bool TryParse(string text, out ShareStateKey key)
    {
        key = null!;
        string[] parts = text.Split(':');
        if (
            parts.Length != 3
            || string.IsNullOrWhiteSpace(parts[0])
            || !KafkaUuid.TryParse(parts[1], out KafkaUuid topicId)
            || !int.TryParse(parts[2], out int partition)
        )
        {
            return false;
        }
        key = new ShareStateKey(parts[0], topicId, partition);
        return true;
    }

    /// <summary><c>group:topicId:partition</c>: what the state's place is computed from.</summary>
    public override string ToString() => $"{GroupId}:{TopicId}:{Partition}";
}
