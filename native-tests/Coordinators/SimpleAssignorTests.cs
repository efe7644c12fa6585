using Aot.Broker.Base;
using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.Tests;

/// <summary>How the partitions of share groups are divided.</summary>
public sealed class SimpleAssignorTests
{
    private static readonly SimpleAssignor s_assignor = new();

    private static KafkaUuid Topic(int i) => new(7, (ulong)i);

    [Fact]
    public void Partitions_and_members_are_shared_evenly_and_stay_where_they_are()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            Random random = new(seed);
            AssignorTopic[] topics =
            [
                .. Enumerable.Range(0, random.Next(1, 4)).Select(i => new AssignorTopic(Topic(i), random.Next(1, 9))),
            ];
            AssignorInput input = Input(random.Next(1, 12), topics);
            PartitionSet[] targets = s_assignor.Assign(input);
            IsEven(input, targets, seed);
            PartitionSet[] again = s_assignor.Assign(With(input, targets));
            Assert.True(
                again.Zip(targets).All(pair => pair.First.HasSamePartitions(pair.Second)),
                $"seed {seed}: the same members and topics moved something"
            );
        }
    }

    [Theory]
    [InlineData(3, 2, new[] { 2, 1, 1 })]
    [InlineData(2, 3, new[] { 2, 1 })]
    [InlineData(4, 4, new[] { 1, 1, 1, 1 })]
    [InlineData(5, 2, new[] { 2, 1, 1, 1, 1 })]
    [InlineData(1, 3, new[] { 3 })]
    public void Each_member_has_its_part(int members, int partitions, int[] expected) =>
        Assert.Equal(
            expected,
            s_assignor.Assign(Input(members, [new AssignorTopic(Topic(1), partitions)])).Select(set => set.Count)
        );

    [Fact]
    public void A_new_member_takes_from_those_that_have_too_much_and_from_nobody_else()
    {
        AssignorTopic[] topics = [new AssignorTopic(Topic(1), 12)];
        PartitionSet[] before = s_assignor.Assign(Input(2, topics));
        AssignorInput three = With(Input(3, topics), [.. before, PartitionSet.Empty]);
        PartitionSet[] after = s_assignor.Assign(three);
        Assert.Equal([4, 4, 4], after.Select(set => set.Count));
        Assert.All(after[0].All(), p => Assert.True(before[0].Contains(p.Topic, p.Held.Partition)));
        Assert.All(after[1].All(), p => Assert.True(before[1].Contains(p.Topic, p.Held.Partition)));
    }

    [Fact]
    public void With_different_subscriptions_each_topic_is_divided_among_its_subscribers()
    {
        AssignorInput input = new(
            [
                new AssignorMember("a", null, [0], PartitionSet.Empty),
                new AssignorMember("b", null, [0, 1], PartitionSet.Empty),
                new AssignorMember("c", null, [1], PartitionSet.Empty),
            ],
            [new AssignorTopic(Topic(0), 4), new AssignorTopic(Topic(1), 1)]
        );
        PartitionSet[] targets = s_assignor.Assign(input);
        Assert.Equal([2, 0], [targets[0].Of(Topic(0)).Length, targets[0].Of(Topic(1)).Length]);
        Assert.Equal([2, 1], [targets[1].Of(Topic(0)).Length, targets[1].Of(Topic(1)).Length]);
        Assert.Equal([0, 1], [targets[2].Of(Topic(0)).Length, targets[2].Of(Topic(1)).Length]);
    }

    [Fact]
    public void Only_partitions_whose_state_has_begun_are_given()
    {
        AssignorInput input = Input(1, [new AssignorTopic(Topic(1), 5, [1, 3])]);
        Assert.Equal([1, 3], s_assignor.Assign(input)[0].Of(Topic(1)).Select(held => held.Partition));
    }

    private static AssignorInput Input(int members, AssignorTopic[] topics) =>
        new(
            [
                .. Enumerable
                    .Range(0, members)
                    .Select(i => new AssignorMember(
                        $"m{i}",
                        null,
                        [.. Enumerable.Range(0, topics.Length)],
                        PartitionSet.Empty
                    )),
            ],
            topics
        );

    private static AssignorInput With(AssignorInput input, PartitionSet[] current) =>
        input with
        {
            Members = [.. input.Members.Select((member, i) => member with { Current = current[i] })],
        };

    private static void IsEven(AssignorInput input, PartitionSet[] targets, int seed)
    {
        int partitions = input.Topics.Sum(topic => topic.PartitionCount);
        int sharing = (input.Members.Count + partitions - 1) / partitions;
        int[] counts = [.. targets.Select(set => set.Count)];
        Assert.True(counts.Max() - counts.Min() <= 1, $"seed {seed}: {string.Join(' ', counts)}");
        foreach (AssignorTopic topic in input.Topics)
        {
            for (int partition = 0; partition < topic.PartitionCount; partition++)
            {
                int holders = targets.Count(set => set.Contains(topic.Id, partition));
                Assert.InRange(holders, Math.Max(1, sharing - 1), sharing);
            }
        }
    }
}
