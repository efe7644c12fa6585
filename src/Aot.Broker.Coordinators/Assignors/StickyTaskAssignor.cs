using Aot.Broker.Coordinators.StreamsGroups;

namespace Aot.Broker.Coordinators.Assignors;

/// <summary>
/// <c>sticky</c> (KIP-1071): divides the tasks of a streams application so that members have about as many, state moves as
/// little as it can, and no process has a task twice. Every task is active in exactly one member; a stateful task has up to
/// <see cref="TaskAssignorInput.StandbyReplicas"/> copies in other processes, as many as there are processes for. The same
/// input gives the same result.
///
/// Active tasks go, within a member's share, to who had them, then to who had a copy or still has the state on its disk,
/// the rest to the least loaded process. Copies follow in the same way, within what active tasks left of the share.
/// </summary>
public static class StickyTaskAssignor
{
    public const string Name = "sticky";

    /// <summary>For each member, in the input's order, what it shall have; there are no warm-up tasks.</summary>
    public static MemberTasks[] Assign(TaskAssignorInput input)
    {
        if (input.Members.Count == 0)
        {
            return [];
        }
        Division division = new(input);
        division.AssignActive();
        if (input.StandbyReplicas > 0)
        {
            division.AssignStandby();
        }
        return division.Result();
    }

    /// <summary>The members of one process, which has one copy of each task's state at most.</summary>
    private sealed class Process
    {
        private readonly HashSet<StreamsTask> _tasks = [];

        public List<Share> Members { get; } = [];

        public double Load => (double)_tasks.Count / Members.Count;

        public bool Has(StreamsTask task) => _tasks.Contains(task);

        public void Add(StreamsTask task) => _tasks.Add(task);

        public Share LeastLoadedMember
        {
            get
            {
                Share least = Members[0];
                foreach (Share member in Members)
                {
                    least = member.Count < least.Count ? member : least;
                }
                return least;
            }
        }
    }

    /// <summary>What a member gets.</summary>
    private sealed class Share(Process process)
    {
        public Process Process { get; } = process;

        public List<StreamsTask> Active { get; } = [];

        public List<StreamsTask> Standby { get; } = [];

        public int Count => Active.Count + Standby.Count;
    }

    /// <summary>Somebody who has the state of a task, or a part of it.</summary>
    private sealed record Keeper(Share Share, bool HasCopy, long Offset);

    /// <summary>
    /// How many tasks a member may have while others have less: the average, rounded up, over the members that have not
    /// reached it. Who reaches it leaves the count with its tasks.
    /// </summary>
    private struct Quota(int tasks, int members)
    {
        private int _tasks = tasks;
        private int _members = members;

        public int Each { get; private set; } = Average(tasks, members);

        public void Count(int ofMember)
        {
            if (ofMember == Each)
            {
                _members--;
                _tasks -= ofMember;
                Each = Average(_tasks, _members);
            }
        }

        private static int Average(int tasks, int members) => members == 0 ? 0 : (tasks + members - 1) / members;
    }

    private sealed class Division
    {
        private readonly TaskAssignorInput _input;
        private readonly List<Process> _processes = [];
        private readonly Share[] _shares;
        private readonly Dictionary<StreamsTask, Share> _wasActive = [];
        private readonly Dictionary<StreamsTask, List<Keeper>> _keepers = [];
        private Quota _active;
        private Quota _total;

        public Division(TaskAssignorInput input)
        {
            _input = input;
            _shares = new Share[input.Members.Count];
            Dictionary<string, Process> byId = [];
            for (int i = 0; i < _shares.Length; i++)
            {
                TaskAssignorMember member = input.Members[i];
                if (!byId.TryGetValue(member.ProcessId, out Process? process))
                {
                    byId[member.ProcessId] = process = new Process();
                    _processes.Add(process);
                }
                _shares[i] = new Share(process);
                process.Members.Add(_shares[i]);
                Remember(_shares[i], member);
            }
            foreach (List<Keeper> keepers in _keepers.Values)
            {
                keepers.Sort(
                    static (a, b) =>
                        a.HasCopy != b.HasCopy ? b.HasCopy.CompareTo(a.HasCopy) : b.Offset.CompareTo(a.Offset)
                );
            }
            int active = input.Subtopologies.Sum(one => one.TaskCount);
            int copies =
                input.Subtopologies.Where(one => one.IsStateful).Sum(one => one.TaskCount) * input.StandbyReplicas;
            _active = new Quota(active, _shares.Length);
            _total = new Quota(active + copies, _shares.Length);
        }

        private void Remember(Share share, TaskAssignorMember member)
        {
            foreach (StreamsTask task in member.Current.Active.All)
            {
                _wasActive[Plain(task)] = share;
            }
            foreach (StreamsTask task in member.Current.Standby.All)
            {
                Keep(task, new Keeper(share, HasCopy: true, member.Offsets.PositionOf(task)));
            }
            foreach (TaskOffset position in member.Offsets.Positions)
            {
                if (!member.Current.Standby.Contains(position.Task))
                {
                    Keep(position.Task, new Keeper(share, HasCopy: false, position.Offset));
                }
            }
        }

        private void Keep(StreamsTask task, Keeper keeper)
        {
            StreamsTask key = Plain(task);
            if (!_keepers.TryGetValue(key, out List<Keeper>? keepers))
            {
                _keepers[key] = keepers = [];
            }
            keepers.Add(keeper);
        }

        /// <summary>As a key: without its epoch.</summary>
        private static StreamsTask Plain(StreamsTask task) => task.Epoch == 0 ? task : task with { Epoch = 0 };

        public void AssignActive()
        {
            List<StreamsTask> open = Tasks(ofStateful: false);
            open.Sort(ByPartition);
            open = Leftover(open, task => _wasActive.GetValueOrDefault(task));
            open = Leftover(open, task => LeastLoadedKeeper(task, mustBeWithout: false));
            // By subtopology, so that members get ranges of one rather than the same number of all.
            open.Sort(static (a, b) => a.CompareTo(b));
            foreach (StreamsTask task in open)
            {
                Add(LeastLoadedWithout(task)!.LeastLoadedMember, task, isActive: true);
            }
        }

        /// <summary>Gives tasks to who is preferred, within its share, and returns the others.</summary>
        private List<StreamsTask> Leftover(List<StreamsTask> tasks, Func<StreamsTask, Share?> preferred)
        {
            List<StreamsTask> rest = [];
            foreach (StreamsTask task in tasks)
            {
                if (preferred(task) is { } share && share.Count < _active.Each)
                {
                    Add(share, task, isActive: true);
                }
                else
                {
                    rest.Add(task);
                }
            }
            return rest;
        }

        public void AssignStandby()
        {
            List<StreamsTask> tasks = Tasks(ofStateful: true);
            tasks.Sort(static (a, b) => ByPartition(b, a));
            List<StreamsTask> open = [];
            foreach (StreamsTask task in tasks)
            {
                for (int copy = 0; copy < _input.StandbyReplicas; copy++)
                {
                    if (PreferredForCopy(task) is not { } share)
                    {
                        open.AddRange(Enumerable.Repeat(task, _input.StandbyReplicas - copy));
                        break;
                    }
                    Add(share, task, isActive: false);
                }
            }
            open.Sort(static (a, b) => b.CompareTo(a));
            foreach (StreamsTask task in open)
            {
                // None: there are fewer processes than copies are wanted.
                if (LeastLoadedWithout(task) is { } process)
                {
                    Add(process.LeastLoadedMember, task, isActive: false);
                }
            }
        }

        private Share? PreferredForCopy(StreamsTask task)
        {
            if (
                _wasActive.TryGetValue(task, out Share? before)
                && !before.Process.Has(task)
                && before.Count < _total.Each
            )
            {
                return before;
            }
            Share? keeper = LeastLoadedKeeper(task, mustBeWithout: true);
            return keeper?.Count < _total.Each ? keeper : null;
        }

        private Process? LeastLoadedWithout(StreamsTask task)
        {
            Process? least = null;
            foreach (Process process in _processes)
            {
                if (!process.Has(task) && (least is null || process.Load < least.Load))
                {
                    least = process;
                }
            }
            return least;
        }

        private Share? LeastLoadedKeeper(StreamsTask task, bool mustBeWithout)
        {
            Share? least = null;
            foreach (Keeper keeper in _keepers.GetValueOrDefault(task, []))
            {
                if (mustBeWithout && keeper.Share.Process.Has(task))
                {
                    continue;
                }
                if (
                    least is null
                    || (keeper.Share.Process.Load < least.Process.Load && keeper.Share.Count < least.Count)
                )
                {
                    least = keeper.Share;
                }
            }
            return least;
        }

        private void Add(Share share, StreamsTask task, bool isActive)
        {
            (isActive ? share.Active : share.Standby).Add(task);
            share.Process.Add(task);
            if (isActive)
            {
                _active.Count(share.Count);
            }
            _total.Count(share.Count);
        }

        private List<StreamsTask> Tasks(bool ofStateful)
        {
            List<StreamsTask> tasks = [];
            foreach (AssignorSubtopology subtopology in _input.Subtopologies)
            {
                if (ofStateful && !subtopology.IsStateful)
                {
                    continue;
                }
                for (int partition = 0; partition < subtopology.TaskCount; partition++)
                {
                    tasks.Add(new StreamsTask(subtopology.Id, partition));
                }
            }
            return tasks;
        }

        /// <summary>Tasks of the same partition of different subtopologies are next to each other.</summary>
        private static int ByPartition(StreamsTask a, StreamsTask b) =>
            a.Partition != b.Partition
                ? a.Partition.CompareTo(b.Partition)
                : string.CompareOrdinal(a.Subtopology, b.Subtopology);

        public MemberTasks[] Result() =>
            [
                .. _shares.Select(share => new MemberTasks(
                    TaskSet.Of(share.Active),
                    TaskSet.Of(share.Standby),
                    TaskSet.Empty
                )),
            ];
    }
}
