using Aot.Broker.Base;
using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.Tests;

public class AssignorTests
{
    private static KafkaUuid Topic(int i) => new(7, (ulong)i);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_partition_goes_to_one_subscriber_and_the_result_is_balanced_and_stable(int seed)
    {
        Random random = new(seed);
        for (int run = 0; run < 200; run++)
        {
            AssignorTopic[] all =
            [
                .. Enumerable.Range(0, random.Next(1, 6)).Select(i => new AssignorTopic(Topic(i), random.Next(1, 9))),
            ];
            bool isHomogeneous = random.Next(2) == 0;
            List<AssignorMember> members =
            [
                .. Enumerable
                    .Range(0, random.Next(1, 8))
                    .Select(i => new AssignorMember(
                        $"member-{i}",
                        random.Next(3) == 0 ? $"instance-{i}" : null,
                        [.. Enumerable.Range(0, all.Length).Where(_ => isHomogeneous || random.Next(2) == 0)],
                        PartitionSet.Empty
                    )),
            ];
            // Every topic of an input has a subscriber.
            for (int topic = 0; topic < all.Length; topic++)
            {
                members[random.Next(members.Count)].Topics.Add(topic);
            }
            AssignorInput input = new(members, all);
            foreach (IAssignor assignor in new IAssignor[] { new UniformAssignor(), new RangeAssignor() })
            {
                PartitionSet[] targets = assignor.Assign(input);
                IsComplete(input, targets);
                AssignorInput again = input with
                {
                    Members = [.. input.Members.Select((member, i) => member with { Current = targets[i] })],
                };
                Assert.True(
                    assignor.Assign(again).Zip(targets).All(p => p.First.HasSamePartitions(p.Second)),
                    $"{assignor.Name}: the same members and topics moved something"
                );
            }
            IsBalanced(input, new UniformAssignor().Assign(input));
        }
    }

    [Fact]
    public void Uniform_moves_no_more_than_balance_asks_for()
    {
        AssignorInput two = new(
            [.. Enumerable.Range(0, 2).Select(i => new AssignorMember($"m{i}", null, [0], PartitionSet.Empty))],
            [new AssignorTopic(Topic(1), 12)]
        );
        PartitionSet[] before = new UniformAssignor().Assign(two);
        AssignorInput three = two with
        {
            Members =
            [
                .. two.Members.Select((member, i) => member with { Current = before[i] }),
                new AssignorMember("m2", null, [0], PartitionSet.Empty),
            ],
        };
        PartitionSet[] after = new UniformAssignor().Assign(three);
        Assert.Equal([4, 4, 4], after.Select(set => set.Count));
        Assert.All(after[0].All(), p => Assert.True(before[0].Contains(p.Topic, p.Held.Partition)));
        Assert.All(after[1].All(), p => Assert.True(before[1].Contains(p.Topic, p.Held.Partition)));
    }

    [Fact]
    public void Range_gives_contiguous_ranges_in_the_order_of_the_ids()
    {
        AssignorInput input = new(
            [
                new AssignorMember("z", "instance-a", [0, 1], PartitionSet.Empty),
                new AssignorMember("b", null, [0, 1], PartitionSet.Empty),
                new AssignorMember("a", null, [0, 1], PartitionSet.Empty),
            ],
            [new AssignorTopic(Topic(1), 7), new AssignorTopic(Topic(2), 7)]
        );
        PartitionSet[] targets = new RangeAssignor().Assign(input);
        Assert.Equal([0, 1, 2], targets[0].All().Where(p => p.Topic == Topic(1)).Select(p => p.Held.Partition));
        Assert.Equal([5, 6], targets[1].All().Where(p => p.Topic == Topic(2)).Select(p => p.Held.Partition));
        Assert.Equal([3, 4], targets[2].All().Where(p => p.Topic == Topic(2)).Select(p => p.Held.Partition));
    }

    private static void IsComplete(AssignorInput input, PartitionSet[] targets)
    {
        Dictionary<(KafkaUuid, int), int> owners = [];
        for (int i = 0; i < targets.Length; i++)
        {
            foreach ((KafkaUuid topic, HeldPartition held) in targets[i].All())
            {
                Assert.True(owners.TryAdd((topic, held.Partition), i), "two members have one partition");
                int index = input.Topics.ToList().FindIndex(one => one.Id == topic);
                Assert.Contains(index, input.Members[i].Topics);
                Assert.InRange(held.Partition, 0, input.Topics[index].PartitionCount - 1);
            }
        }
        Assert.Equal(input.Topics.Sum(topic => topic.PartitionCount), owners.Count);
    }

    private static void IsBalanced(AssignorInput input, PartitionSet[] targets)
    {
        for (int from = 0; from < targets.Length; from++)
        {
            foreach ((KafkaUuid topic, _) in targets[from].All())
            {
                int least = Enumerable
                    .Range(0, targets.Length)
                    .Where(i => input.Members[i].Topics.Any(index => input.Topics[index].Id == topic))
                    .Min(i => targets[i].Count);
                Assert.True(targets[from].Count <= least + 1, "a partition could move to a member with two fewer");
            }
        }
    }
}
