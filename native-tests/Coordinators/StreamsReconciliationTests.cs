using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.StreamsGroups;

namespace Aot.Broker.Coordinators.Tests;

public class StreamsReconciliationTests
{
    private static readonly AssignorSubtopology[] s_topology =
    [
        new("0", 5, IsStateful: true),
        new("1", 3, IsStateful: false),
    ];

    /// <summary>
    /// Members that do as they are told, targets that change at random: no task is ever active in two members, no process
    /// has a task twice, and in the end everybody has its target.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Members_reach_their_targets_and_no_task_runs_twice(int seed)
    {
        Random random = new(seed);
        for (int run = 0; run < 60; run++)
        {
            StreamsMember[] members =
            [
                .. Enumerable
                    .Range(0, random.Next(2, 6))
                    .Select(i => new StreamsMember($"m{i}") { ProcessId = $"p{random.Next(3)}" }),
            ];
            MemberTasks[] clients = [.. members.Select(_ => MemberTasks.Empty)];
            MemberTasks[] targets = [.. clients];
            int epoch = 1;
            for (int step = 0; step < 300; step++)
            {
                bool settles = step >= 200;
                if (!settles && random.Next(20) == 0)
                {
                    epoch++;
                    targets = Targets(members, random);
                }
                int i = random.Next(members.Length);
                MemberTasks? owned = !settles && random.Next(4) == 0 ? null : clients[i];
                members[i] = Step(members, targets[i], i, epoch, owned);
                if (settles || random.Next(3) > 0)
                {
                    clients[i] = members[i].Assigned;
                }
                NothingRunsTwice(members);
            }
            for (int round = 0; round < 3 * members.Length; round++)
            {
                for (int i = 0; i < members.Length; i++)
                {
                    members[i] = Step(members, targets[i], i, epoch, members[i].Assigned);
                }
            }
            Assert.All(members, member => Assert.True(member.HasReached(epoch), $"{member.MemberId} {member.State}"));
            Assert.All(
                members.Zip(targets),
                pair =>
                    Assert.True(pair.First.Assigned.HasSameTasks(pair.Second), $"{pair.First.Assigned}: {pair.Second}")
            );
        }
    }

    [Fact]
    public void An_active_task_is_awaited_until_its_holder_gave_it_up()
    {
        StreamsMember first = new("a") { ProcessId = "p" };
        StreamsMember second = new("b") { ProcessId = "q" };
        MemberTasks both = Active(0, 1);
        first = Step([first, second], both, 0, 1, MemberTasks.Empty);
        Assert.True(first.Assigned.HasSameTasks(both));
        second = Step([first, second], Active(1), 1, 2, MemberTasks.Empty);
        Assert.Equal((MemberState.UnreleasedPartitions, 2), (second.State, second.Epoch));
        first = Step([first, second], Active(0), 0, 2, both);
        Assert.Equal((MemberState.UnrevokedPartitions, 1), (first.State, first.Epoch));
        Assert.True(Step([first, second], Active(1), 1, 2, MemberTasks.Empty).Assigned.IsEmpty);
        first = Step([first, second], Active(0), 0, 2, Active(0));
        Assert.Equal((MemberState.Stable, 2), (first.State, first.Epoch));
        second = Step([first, second], Active(1), 1, 2, MemberTasks.Empty);
        Assert.Equal(MemberState.Stable, second.State);
        Assert.Equal(2, Assert.Single(second.Assigned.Active.All).Epoch);
    }

    [Fact]
    public void A_copy_stays_until_it_becomes_the_active_task()
    {
        StreamsTask task = new("0", 0);
        StreamsMember runs = new("a")
        {
            ProcessId = "p",
            Assigned = Active(0),
            Epoch = 1,
        };
        StreamsMember copies = new("b")
        {
            ProcessId = "q",
            Assigned = MemberTasks.Empty with { Standby = TaskSets.Of("0", 0) },
            Epoch = 1,
        };
        copies = Step([runs, copies], Active(0), 1, 2, copies.Assigned);
        Assert.Equal(MemberState.UnreleasedPartitions, copies.State);
        Assert.True(copies.Assigned.Standby.Contains(task), "the state was given up");
        runs = Step([runs, copies], MemberTasks.Empty, 0, 2, MemberTasks.Empty);
        copies = Step([runs, copies], Active(0), 1, 2, copies.Assigned);
        Assert.True(copies.Assigned.HasSameTasks(Active(0)), $"{copies.Assigned}");
    }

    private static StreamsMember Step(StreamsMember[] members, MemberTasks target, int i, int epoch, MemberTasks? owned)
    {
        StreamsMember next = new StreamsReconciliation(target, epoch, new TaskHolders(members), owned).Next(members[i]);
        Assert.True(next.Epoch >= members[i].Epoch, "an epoch went back");
        return next;
    }

    private static MemberTasks Active(params int[] partitions) =>
        MemberTasks.Empty with
        {
            Active = TaskSets.Of("0", partitions),
        };

    /// <summary>Other processes at random, so that the assignor moves things about.</summary>
    private static MemberTasks[] Targets(StreamsMember[] members, Random random)
    {
        int[] order = [.. Enumerable.Range(0, members.Length)];
        random.Shuffle(order);
        MemberTasks[] shuffled = StickyTaskAssignor.Assign(
            new TaskAssignorInput(
                [
                    .. order.Select(i => new TaskAssignorMember(
                        members[i].MemberId,
                        members[i].ProcessId,
                        MemberTasks.Empty,
                        TaskOffsets.None
                    )),
                ],
                s_topology,
                random.Next(3)
            )
        );
        MemberTasks[] targets = new MemberTasks[members.Length];
        for (int i = 0; i < order.Length; i++)
        {
            targets[order[i]] = shuffled[i];
        }
        return targets;
    }

    private static void NothingRunsTwice(StreamsMember[] members)
    {
        HashSet<string> active = [];
        HashSet<string> inProcess = [];
        foreach (StreamsMember member in members)
        {
            TaskSet runs = member.Assigned.Active.Union(member.PendingRevocation.Active);
            Assert.All(runs.All, task => Assert.True(active.Add($"{task}"), $"{task} is active twice"));
            // What is active may have a copy in the same member while it changes its role.
            TaskSet held = runs.Union(member.Assigned.Standby).Union(member.PendingRevocation.Standby);
            Assert.All(
                held.All,
                task => Assert.True(inProcess.Add($"{member.ProcessId} {task}"), $"{member.ProcessId} has {task} twice")
            );
        }
    }
}
