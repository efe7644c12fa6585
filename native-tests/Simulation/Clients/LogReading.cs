namespace Aot.Broker.Simulation.Tests;

/// <summary>Reads the logs of a topic from their beginning, as one who has seen nothing before, and holds them against the ledger.</summary>
internal static class LogReading
{
    public static async Task CheckAsync(TopicUnderTest topic)
    {
        List<(long, string)>[] logs =
        [
            .. Enumerable.Range(0, topic.Partitions).Select(_ => new List<(long, string)>()),
        ];
        Consumer reader = new(topic) { Records = logs };
        await reader.RunAsync(untilEnd: true);
        for (int partition = 0; partition < topic.Partitions; partition++)
        {
            topic.Ledger.CheckLog(partition, logs[partition], reader.FirstOf(partition));
            long end = topic.Ledger.AcknowledgedEnd(partition);
            topic.World.Check(
                reader.EndOf(partition) >= end,
                $"{topic.Name}-{partition} ends at {reader.EndOf(partition)}, and {end} was acknowledged"
            );
        }
    }
}
