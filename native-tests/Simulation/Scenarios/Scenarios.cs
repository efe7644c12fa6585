namespace Aot.Broker.Simulation.Tests;

/// <summary>The stories that are told with every fault.</summary>
internal static class AllScenarios
{
    private const int SmallSegment = 1_000;

    public static IReadOnlyList<Scenario> List { get; } =
    [
        new("start", StartAsync) { CountsFirstStart = true },
        new("restart", run => run.ProduceAsync(run.Topic("a"), 2))
        {
            Before = run => MakeAsync(run, "a", 2, 3),
            CountsRestart = true,
        },
        new("rolls", run => run.ProduceAsync(run.Topic("a"), 8)) { Before = run => MakeAsync(run, "a", 1, 1) },
        new("delete-records", DeleteRecordsAsync) { Before = run => MakeAsync(run, "a", 1, 8) },
        new("retention", RetentionAsync) { Before = run => MakeAsync(run, "a", 1, 6) },
        new("topics", TopicsAsync) { Before = run => MakeAsync(run, "a", 1, 2) },
        new("configs", ConfigsAsync) { Before = run => MakeAsync(run, "a", 1, 1) },
        new("groups", GroupsAsync) { Before = run => MakeAsync(run, "a", 1, 1) },
        new("directories", run => MakeAsync(run, "b", 3, 1))
        {
            Before = run => MakeAsync(run, "a", 1, 1),
            Directories = ["/one", "/two"],
            CountsRestart = true,
        },
        new("move", MoveAsync)
        {
            Before = run => MakeAsync(run, "a", 1, 4),
            Directories = ["/one", "/two"],
            CountsRestart = true,
        },
    ];

    public static Scenario Find(string name) => List.Single(scenario => scenario.Name == name);

    private static async Task MakeAsync(ScenarioRun run, string name, int partitions, int batches)
    {
        await run.CreateAsync(name, partitions, SmallSegment);
        await run.ProduceAsync(run.Topic(name), batches);
    }

    private static Task StartAsync(ScenarioRun run) => MakeAsync(run, "a", 1, 2);

    private static async Task DeleteRecordsAsync(ScenarioRun run)
    {
        TopicUnderTest topic = run.Topic("a");
        long end = topic.Ledger.AcknowledgedEnd(0);
        await run.Administrator.DeleteRecordsAsync(topic, 0, 1);
        await run.Administrator.DeleteRecordsAsync(topic, 0, end - 2);
        await run.ProduceAsync(topic, 2);
        await run.Administrator.DeleteRecordsAsync(topic, 0, topic.Ledger.AcknowledgedEnd(0));
        await run.ProduceAsync(topic, 2);
    }

    private static async Task RetentionAsync(ScenarioRun run)
    {
        TopicUnderTest topic = run.Topic("a");
        topic.Ledger.Delete(0, topic.Ledger.AcknowledgedEnd(0));
        await run.Administrator.ConfigureAsync(topic, "file.delete.delay.ms", "10");
        await run.Administrator.ConfigureAsync(topic, "retention.bytes", "1200");
        await run.World.DelayAsync(100_000_000);
        await run.ProduceAsync(topic, 1);
    }

    private static async Task TopicsAsync(ScenarioRun run)
    {
        await run.CreateAsync("b", 2, SmallSegment);
        await run.ProduceAsync(run.Topic("b"), 1);
        await run.Administrator.DeleteTopicAsync(run.Topic("a"));
        await run.CreateAsync("a", 1, SmallSegment);
        await run.ProduceAsync(run.Topic("a"), 1);
    }

    /// <summary>There and back, and written to meanwhile.</summary>
    private static async Task MoveAsync(ScenarioRun run)
    {
        TopicUnderTest topic = run.Topic("a");
        Task produced = run.ProduceAsync(topic, 3);
        await run.Administrator.MoveAsync(topic, 0);
        await produced;
        await run.Administrator.ConfigureAsync(topic, "file.delete.delay.ms", "10");
        await run.Administrator.MoveAsync(topic, 0);
        await run.ProduceAsync(topic, 1);
    }

    private static async Task ConfigsAsync(ScenarioRun run)
    {
        TopicUnderTest topic = run.Topic("a");
        await run.Administrator.ConfigureAsync(topic, "max.message.bytes", "500000");
        await run.Administrator.ConfigureAsync(topic, "retention.ms", "86400000");
        await run.Administrator.ConfigureAsync(topic, "max.message.bytes", "600000");
        await run.ProduceAsync(topic, 1);
    }

    private static async Task GroupsAsync(ScenarioRun run)
    {
        OffsetCommitter group = run.Group("g");
        await group.CommitAsync(run.Administrator, 1);
        await group.CommitAsync(run.Administrator, 2);
        await group.CommitAsync(run.Administrator, 3);
    }
}
