using Aot.Broker.Coordinators.Assignors;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>Who divides the partitions of a consumer group.</summary>
internal static class ConsumerAssignors
{
    private static readonly IAssignor[] s_assignors = [new UniformAssignor(), new RangeAssignor()];

    /// <summary>The assignor that most members ask for; the broker's first where they do not.</summary>
    public static IAssignor Preferred(ConsumerGroup group, ConsumerGroupOptions options)
    {
        string name =
            group
                .Members.Where(member => member.ServerAssignor is not null)
                .GroupBy(member => member.ServerAssignor!)
                .OrderByDescending(votes => votes.Count())
                .ThenBy(votes => votes.Key, StringComparer.Ordinal)
                .FirstOrDefault()
                ?.Key
            ?? options.Assignors[0];
        return s_assignors.FirstOrDefault(assignor => assignor.Name == name) ?? s_assignors[0];
    }
}
