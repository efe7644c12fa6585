using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.StreamsGroups;

namespace Aot.Broker.Coordinators.Tests;

public class StickyTaskAssignorTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_task_has_one_active_member_and_as_many_copies_in_other_processes_as_there_can_be(int seed)
    {
        Random random = new(seed);
        for (int run = 0; run < 300; run++)
        {
            AssignorSubtopology[] topology =
            [
                .. Enumerable
                    .Range(0, random.Next(1, 4))
                    .Select(i => new AssignorSubtopology($"{i}", random.Next(1, 9), random.Next(2) == 0)),
            ];
            TaskAssignorInput input = new(
                [.. Enumerable.Range(0, random.Next(1, 7)).Select(i => Member(i, process: random.Next(3)))],
                topology,
                random.Next(3)
            );
            MemberTasks[] targets = StickyTaskAssignor.Assign(input);
            Check(input, targets);
            // Members come and go, and the rest is divided from where it was.
            TaskAssignorInput next = input with
            {
                Members =
                [
                    .. input
                        .Members.Select((member, i) => member with { Current = targets[i] })
                        .Where(_ => random.Next(4) > 0),
                    Member(100, process: 7),
                ],
            };
            Check(next, StickyTaskAssignor.Assign(next));
        }
    }

    [Fact]
    public void The_same_members_and_topology_move_nothing()
    {
        TaskAssignorInput input = Input(members: 3, tasks: 7, standby: 1);
        MemberTasks[] first = StickyTaskAssignor.Assign(input);
        MemberTasks[] again = StickyTaskAssignor.Assign(With(input, first));
        Assert.All(first.Zip(again), pair => Assert.True(pair.First.HasSameTasks(pair.Second), $"{pair}"));
        Assert.Equal([2, 2, 3], first.Select(tasks => tasks.Active.Count).Order());
    }

    [Fact]
    public void A_newcomer_gets_its_share_and_the_others_keep_the_rest_of_theirs()
    {
        TaskAssignorInput two = Input(members: 2, tasks: 8, standby: 0);
        MemberTasks[] before = StickyTaskAssignor.Assign(two);
        TaskAssignorInput three = With(two, before) with
        {
            Members = [.. With(two, before).Members, Member(2, process: 2)],
        };
        MemberTasks[] after = StickyTaskAssignor.Assign(three);
        Assert.Equal([2, 3, 3], after.Select(tasks => tasks.Active.Count).Order());
        Assert.True(before[0].Active.Union(after[0].Active).HasSameTasks(before[0].Active));
        Assert.True(before[1].Active.Union(after[1].Active).HasSameTasks(before[1].Active));
    }

    [Fact]
    public void The_tasks_of_one_that_left_go_to_who_has_a_copy()
    {
        TaskAssignorInput input = Input(members: 2, tasks: 6, standby: 0);
        MemberTasks[] left = StickyTaskAssignor.Assign(
            With(
                input,
                [
                    new MemberTasks(TaskSets.Of("0", 2, 3), TaskSets.Of("0", 1), TaskSet.Empty),
                    new MemberTasks(TaskSets.Of("0", 4, 5), TaskSets.Of("0", 0), TaskSet.Empty),
                ]
            )
        );
        Assert.True(left[0].Active.HasSameTasks(TaskSets.Of("0", 1, 2, 3)), $"{left[0]}");
        Assert.True(left[1].Active.HasSameTasks(TaskSets.Of("0", 0, 4, 5)), $"{left[1]}");
    }

    [Fact]
    public void A_member_that_comes_back_with_its_state_gets_those_tasks()
    {
        TaskOffsets onDisk = new([new TaskOffset(new StreamsTask("0", 3), 500)], []);
        TaskAssignorInput input = new(
            [Member(0, process: 0), Member(1, process: 1) with { Offsets = onDisk }],
            [new AssignorSubtopology("0", 4, IsStateful: true)],
            StandbyReplicas: 0
        );
        Assert.True(StickyTaskAssignor.Assign(input)[1].Active.Contains(new StreamsTask("0", 3)));
    }

    private static TaskAssignorMember Member(int i, int process) =>
        new($"member-{i}", $"process-{process}", MemberTasks.Empty, TaskOffsets.None);

    private static TaskAssignorInput Input(int members, int tasks, int standby) =>
        new(
            [.. Enumerable.Range(0, members).Select(i => Member(i, process: i))],
            [new AssignorSubtopology("0", tasks, IsStateful: true)],
            standby
        );

    private static TaskAssignorInput With(TaskAssignorInput input, MemberTasks[] current) =>
        input with
        {
            Members = [.. input.Members.Select((member, i) => member with { Current = current[i] })],
        };

    private static void Check(TaskAssignorInput input, MemberTasks[] targets)
    {
        int processes = input.Members.Select(member => member.ProcessId).Distinct().Count();
        foreach (AssignorSubtopology subtopology in input.Subtopologies)
        {
            for (int partition = 0; partition < subtopology.TaskCount; partition++)
            {
                StreamsTask task = new(subtopology.Id, partition);
                Assert.Single(targets, tasks => tasks.Active.Contains(task));
                string[] holders =
                [
                    .. input
                        .Members.Zip(targets)
                        .Where(pair => pair.Second.Active.Contains(task) || pair.Second.Standby.Contains(task))
                        .Select(pair => pair.First.ProcessId),
                ];
                int copies = subtopology.IsStateful ? Math.Min(input.StandbyReplicas, processes - 1) : 0;
                Assert.Equal(1 + copies, holders.Length);
                Assert.Equal(holders.Length, holders.Distinct().Count());
            }
        }
        Assert.Equal(input.Subtopologies.Sum(one => one.TaskCount), targets.Sum(tasks => tasks.Active.Count));
    }
}
