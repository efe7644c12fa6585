using Aot.Broker.Base;
using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.Tests;

public class ReconciliationTests
{
    private static readonly KafkaUuid s_topic = new(1, 2);

    /// <summary>
    /// Members that do as they are told, targets that change at random: nobody ever holds what another one holds, and in
    /// the end everybody has its target.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Members_reach_their_targets_and_never_share_a_partition(int seed)
    {
        Random random = new(seed);
        const int Partitions = 9;
        for (int run = 0; run < 100; run++)
        {
            ConsumerMember[] members =
            [
                .. Enumerable.Range(0, random.Next(2, 5)).Select(i => new ConsumerMember($"m{i}")),
            ];
            PartitionSet[] clients = [.. members.Select(_ => PartitionSet.Empty)];
            PartitionSet[] targets = [.. members.Select(_ => PartitionSet.Empty)];
            int epoch = 1;
            for (int step = 0; step < 400; step++)
            {
                bool settles = step >= 300;
                if (!settles && random.Next(20) == 0)
                {
                    epoch++;
                    targets = Targets(members.Length, Partitions, random);
                }
                int i = random.Next(members.Length);
                // Now and then a client does not say what it owns.
                PartitionSet? owned = !settles && random.Next(4) == 0 ? null : clients[i];
                Reconciliation reconciliation = new(targets[i], epoch, (topic, p) => IsFree(members, i, p), owned);
                ConsumerMember next = reconciliation.Next(members[i]);
                Assert.True(next.Epoch >= members[i].Epoch, "an epoch went back");
                members[i] = next;
                // The client has at once what it was given, and gives up late what it was told to.
                if (settles || random.Next(3) > 0)
                {
                    clients[i] = next.Assigned;
                }
                NobodyShares(members, clients);
            }
            for (int round = 0; round < 2 * members.Length; round++)
            {
                for (int i = 0; i < members.Length; i++)
                {
                    int member = i;
                    clients[i] = members[i].Assigned;
                    Reconciliation last = new(targets[i], epoch, (topic, p) => IsFree(members, member, p), clients[i]);
                    members[i] = last.Next(members[i]);
                }
            }
            Assert.All(members, member => Assert.True(member.HasReached(epoch), $"{member.MemberId} {member.State}"));
            Assert.All(members.Zip(targets), pair => Assert.True(pair.First.Assigned.HasSamePartitions(pair.Second)));
        }
    }

    [Fact]
    public void A_partition_keeps_the_epoch_at_which_it_was_given()
    {
        ConsumerMember member = new("m");
        PartitionSet one = Set(0);
        member = new Reconciliation(one, 1, (_, _) => true, one).Next(member);
        PartitionSet two = Set(0, 1);
        member = new Reconciliation(two, 5, (_, _) => true, one).Next(member);
        Assert.Equal([1, 5], member.Assigned.All().Select(p => p.Held.Epoch));
        Assert.Equal((5, 1), (member.Epoch, member.PreviousEpoch));
    }

    private static PartitionSet Set(params int[] partitions) => PartitionSets.Of(s_topic, partitions);

    private static PartitionSet[] Targets(int members, int partitions, Random random)
    {
        List<int>[] targets = [.. Enumerable.Range(0, members).Select(_ => new List<int>())];
        for (int partition = 0; partition < partitions; partition++)
        {
            targets[random.Next(members)].Add(partition);
        }
        return [.. targets.Select(target => Set([.. target]))];
    }

    private static bool IsFree(ConsumerMember[] members, int self, int partition) =>
        !members
            .Where((_, i) => i != self)
            .Any(m => m.Assigned.Contains(s_topic, partition) || m.PendingRevocation.Contains(s_topic, partition));

    private static void NobodyShares(ConsumerMember[] members, PartitionSet[] clients)
    {
        HashSet<int> known = [];
        HashSet<int> held = [];
        for (int i = 0; i < members.Length; i++)
        {
            Assert.All(
                members[i].Assigned.All().Concat(members[i].PendingRevocation.All()),
                p => Assert.True(known.Add(p.Held.Partition), "the broker gave one partition to two members")
            );
            Assert.All(
                clients[i].All(),
                p => Assert.True(held.Add(p.Held.Partition), "two clients have one partition")
            );
        }
    }
}
