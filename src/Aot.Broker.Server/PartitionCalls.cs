using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server;

/// <summary>
/// Runs a question of the control plane on the cores that own the partitions it is about: one call per core, answers in the
/// order of the questions.
/// </summary>
internal static class PartitionCalls
{
    /// <summary>A partition that a request names, and the core that owns it if this broker leads it.</summary>
    public readonly record struct Place(ErrorCode Error, KafkaUuid TopicId, int Partition, CoreIndex Core);

    /// <summary>Where a partition is, or the error that its absence means to a client.</summary>
    public static Place Find(RequestContext context, TopicImage? topic, int partition)
    {
        PartitionImage? image = topic?.Partition(partition);
        if (image is null)
        {
            return new Place(ErrorCode.UnknownTopicOrPartition, default, partition, default);
        }
        ErrorCode error =
            image.Leader == context.Server.Options.NodeId ? ErrorCode.None : ErrorCode.NotLeaderOrFollower;
        CoreIndex core = PartitionPlacement.CoreOf(topic!.Id, partition, context.Core.CoreCount);
        return new Place(error, topic.Id, partition, core);
    }

    /// <summary>
    /// Asks <paramref name="ask"/> about each place without an error, on its core; the others are answered by
    /// <paramref name="refuse"/>.
    /// </summary>
    public static async Task<TResult[]> AskAsync<TResult>(
        RequestContext context,
        IReadOnlyList<Place> places,
        Func<int, PartitionLog, ValueTask<TResult>> ask,
        Func<int, ErrorCode, TResult> refuse
    )
    {
        TResult[] results = new TResult[places.Count];
        List<Task> calls = [];
        foreach (IGrouping<CoreIndex, int> ofCore in Reachable(places).GroupBy(i => places[i].Core))
        {
            int[] mine = [.. ofCore];
            calls.Add(FillAsync(context.Core, ofCore.Key, mine, places, ask, refuse, results));
        }
        for (int i = 0; i < places.Count; i++)
        {
            if (places[i].Error != ErrorCode.None)
            {
                results[i] = refuse(i, places[i].Error);
            }
        }
        await CoreTasks.AllAsync(calls);
        return results;
    }

    private static IEnumerable<int> Reachable(IReadOnlyList<Place> places) =>
        Enumerable.Range(0, places.Count).Where(i => places[i].Error == ErrorCode.None);

    /// <summary>The answers of one core come back as a message, so no two cores write to the same array.</summary>
    private static async Task FillAsync<TResult>(
        Core from,
        CoreIndex target,
        int[] mine,
        IReadOnlyList<Place> places,
        Func<int, PartitionLog, ValueTask<TResult>> ask,
        Func<int, ErrorCode, TResult> refuse,
        TResult[] results
    )
    {
        TResult[] answers = await from.CallAsync(
            target,
            async core =>
            {
                LogSet logs = core.Get<LogSet>();
                TResult[] found = new TResult[mine.Length];
                for (int i = 0; i < mine.Length; i++)
                {
                    Place place = places[mine[i]];
                    PartitionLog? log = logs.Find(place.TopicId, place.Partition);
                    found[i] = log is null ? refuse(mine[i], ErrorCode.NotLeaderOrFollower) : await ask(mine[i], log);
                }
                return found;
            }
        );
        for (int i = 0; i < mine.Length; i++)
        {
            results[mine[i]] = answers[i];
        }
    }
}
