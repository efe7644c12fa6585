using Aot.Broker.Base;
using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>
/// Partitions of which the share coordinator keeps state for a group, as the group's record (type 15) says. Immutable. It is
/// written before the share coordinator is asked to begin or to forget, so that nothing it keeps is ever unknown here.
/// </summary>
/// <param name="Initializing">The share coordinator was asked to begin, and has not said that it did.</param>
/// <param name="Initialized">May be given to members.</param>
/// <param name="Deleting">Topics whose state the share coordinator was asked to forget.</param>
/// <param name="SinceMs">Wall clock at which this was learnt.</param>
public sealed record SharePartitions(
    PartitionSet Initializing,
    PartitionSet Initialized,
    IReadOnlyList<KafkaUuid> Deleting,
    long SinceMs
)
{
    public static SharePartitions None { get; } = new(PartitionSet.Empty, PartitionSet.Empty, [], 0);

    public bool IsEmpty => Initializing.IsEmpty && Initialized.IsEmpty && Deleting.Count == 0;

    public bool Knows(KafkaUuid topic) => Initializing.Of(topic).Length > 0 || Initialized.Of(topic).Length > 0;

    /// <summary>The share coordinator is about to be asked to begin these.</summary>
    public SharePartitions Begin(PartitionSet partitions) =>
        this with
        {
            Initializing = Initializing.Union(partitions),
            Deleting = Without(topic => partitions.Of(topic).Length > 0),
        };

    /// <summary>It was asked to begin <paramref name="asked"/>, and has done so for some.</summary>
    public SharePartitions End(PartitionSet asked, PartitionSet begun) =>
        this with
        {
            Initializing = Initializing.Where((topic, partition) => !asked.Contains(topic, partition)),
            Initialized = Initialized.Union(begun),
        };

    /// <summary>The share coordinator is about to be asked to forget a topic.</summary>
    public SharePartitions Delete(KafkaUuid gone) =>
        this with
        {
            Initialized = Initialized.Where((topic, _) => topic != gone),
            Deleting = [.. Without(topic => topic == gone), gone],
        };

    /// <summary>It has forgotten these topics, or they are no more.</summary>
    public SharePartitions Forget(Func<KafkaUuid, bool> isGone) =>
        this with
        {
            Initializing = Initializing.Where((topic, _) => !isGone(topic)),
            Initialized = Initialized.Where((topic, _) => !isGone(topic)),
            Deleting = Without(isGone),
        };

    private List<KafkaUuid> Without(Func<KafkaUuid, bool> isGone)
    {
        List<KafkaUuid> left = [];
        foreach (KafkaUuid topic in Deleting)
        {
            if (!isGone(topic))
            {
                left.Add(topic);
            }
        }
        return left;
    }
}
