using Reported = Aot.Broker.Protocol.Messages.StreamsGroupHeartbeatRequest.TaskOffset;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>How far the local state of a task is, or how long its changelog: a sum of offsets over its topics.</summary>
public sealed record TaskOffset(StreamsTask Task, long Offset);

/// <summary>What a member last told of the state that it has on its disk. Ordered by task.</summary>
/// <param name="Positions">How far the state is.</param>
/// <param name="Ends">How far it could be.</param>
public sealed record TaskOffsets(IReadOnlyList<TaskOffset> Positions, IReadOnlyList<TaskOffset> Ends)
{
    public static TaskOffsets None { get; } = new([], []);

    /// <summary>A list that a heartbeat does not have stays as it was.</summary>
    public TaskOffsets Update(List<Reported>? positions, List<Reported>? ends) =>
        new(Read(positions) ?? Positions, Read(ends) ?? Ends);

    /// <summary>0 for a task that was not told of.</summary>
    public long PositionOf(StreamsTask task) => Positions.FirstOrDefault(one => one.Task.Is(task))?.Offset ?? 0;

    private static TaskOffset[]? Read(List<Reported>? reported)
    {
        if (reported is null)
        {
            return null;
        }
        TaskOffset[] read =
        [
            .. reported.Select(one => new TaskOffset(new StreamsTask(one.SubtopologyId, one.Partition), one.Offset)),
        ];
        Array.Sort(read, static (a, b) => a.Task.CompareTo(b.Task));
        return read;
    }
}
