namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>
/// A task of a topology: a partition of the input of one subtopology. Ordered by subtopology, then partition. The epoch
/// is that of the member when it got the task; 0 where that is not known, or does not matter.
/// </summary>
public sealed record StreamsTask(string Subtopology, int Partition, int Epoch = 0)
{
    /// <summary>The same task, whatever the epochs.</summary>
    public bool Is(StreamsTask other) => CompareTo(other) == 0;

    public int CompareTo(StreamsTask other)
    {
        int bySubtopology = string.CompareOrdinal(Subtopology, other.Subtopology);
        return bySubtopology != 0 ? bySubtopology : Partition.CompareTo(other.Partition);
    }

    public override string ToString() => $"{Subtopology}_{Partition}";
}

/// <summary>Tasks in ascending order, each once. Immutable.</summary>
public sealed class TaskSet
{
    private readonly StreamsTask[] _tasks;

    private TaskSet(StreamsTask[] tasks) => _tasks = tasks;

    public static TaskSet Empty { get; } = new([]);

    public IReadOnlyList<StreamsTask> All => _tasks;

    public int Count => _tasks.Length;

    public bool IsEmpty => _tasks.Length == 0;

    /// <summary>In any order; of a task that comes twice the first counts.</summary>
    public static TaskSet Of(IEnumerable<StreamsTask> tasks)
    {
        List<StreamsTask> sorted = [];
        foreach (StreamsTask task in tasks)
        {
            int place = PlaceOf(sorted, task);
            if (place < 0)
            {
                sorted.Insert(~place, task);
            }
        }
        return sorted.Count == 0 ? Empty : new TaskSet([.. sorted]);
    }

    public bool Contains(StreamsTask task) => PlaceOf(_tasks, task) >= 0;

    /// <summary>The task as it is in the set, with its epoch; null when it is not.</summary>
    public StreamsTask? Find(StreamsTask task)
    {
        int place = PlaceOf(_tasks, task);
        return place >= 0 ? _tasks[place] : null;
    }

    public TaskSet Where(Func<StreamsTask, bool> keep)
    {
        StreamsTask[] kept = [.. _tasks.Where(keep)];
        return kept.Length == Count ? this : new TaskSet(kept);
    }

    public bool Any(Func<StreamsTask, bool> test) => _tasks.Any(test);

    public TaskSet Union(TaskSet other) =>
        other.IsEmpty ? this
        : IsEmpty ? other
        : Of(_tasks.Concat(other._tasks));

    public TaskSet WithEpoch(int epoch) => new([.. _tasks.Select(task => task with { Epoch = epoch })]);

    public bool HasSameTasks(TaskSet other) => Count == other.Count && !_tasks.Any(task => !other.Contains(task));

    /// <summary>The same tasks with the same epochs.</summary>
    public bool HasSameEpochs(TaskSet other) => _tasks.AsSpan().SequenceEqual(other._tasks);

    /// <summary>The partitions of each subtopology that has some, as messages and records hold them.</summary>
    public List<T> BySubtopology<T>(Func<string, List<StreamsTask>, T> make)
    {
        List<T> all = [];
        for (int i = 0; i < Count; )
        {
            List<StreamsTask> ofOne = [];
            string subtopology = _tasks[i].Subtopology;
            for (; i < Count && _tasks[i].Subtopology == subtopology; i++)
            {
                ofOne.Add(_tasks[i]);
            }
            all.Add(make(subtopology, ofOne));
        }
        return all;
    }

    public override string ToString() => string.Join(' ', (IEnumerable<StreamsTask>)_tasks);

    /// <summary>As <see cref="Array.BinarySearch(Array, object)"/>: below zero, where the task would be.</summary>
    private static int PlaceOf(IReadOnlyList<StreamsTask> sorted, StreamsTask task)
    {
        int low = 0;
        int high = sorted.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            int order = sorted[middle].CompareTo(task);
            if (order == 0)
            {
                return middle;
            }
            if (order < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }
        return ~low;
    }
}

/// <summary>What a member runs: active tasks, and copies of their state that follow (standby) or catch up (warm-up).</summary>
public sealed record MemberTasks(TaskSet Active, TaskSet Standby, TaskSet Warmup)
{
    public static MemberTasks Empty { get; } = new(TaskSet.Empty, TaskSet.Empty, TaskSet.Empty);

    public bool IsEmpty => Active.IsEmpty && Standby.IsEmpty && Warmup.IsEmpty;

    public MemberTasks Union(MemberTasks other) =>
        new(Active.Union(other.Active), Standby.Union(other.Standby), Warmup.Union(other.Warmup));

    /// <summary>The same tasks in the same roles.</summary>
    public bool HasSameTasks(MemberTasks other) =>
        Active.HasSameTasks(other.Active) && Standby.HasSameTasks(other.Standby) && Warmup.HasSameTasks(other.Warmup);

    /// <summary>Whether a record of them would be the same.</summary>
    public bool HasSameEpochs(MemberTasks other) => HasSameTasks(other) && Active.HasSameEpochs(other.Active);

    /// <summary>Whether one of the tasks is in the other set, in the same role.</summary>
    public bool Overlaps(MemberTasks other) =>
        Active.Any(other.Active.Contains) || Standby.Any(other.Standby.Contains) || Warmup.Any(other.Warmup.Contains);

    public bool Contains(MemberTasks other) =>
        other.Active.All.All(Active.Contains)
        && other.Standby.All.All(Standby.Contains)
        && other.Warmup.All.All(Warmup.Contains);

    public override string ToString() => $"active {Active}, standby {Standby}, warm-up {Warmup}";
}
