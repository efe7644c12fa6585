using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>
/// Once they are warm, the cores produce and fetch without allocating a single managed byte; the broker counts it itself, on
/// the threads of the cores.
/// </summary>
[Trait("Io", "once")]
public sealed class AllocationTests(ITestOutputHelper output) : IDisposable
{
    private const int Records = 700_000;
    private const int WarmUpRequests = 150_000;
    private const int MeasuredRequests = 100_000;
    private const int FetchesMin = 1000;

    private readonly string _lines = Path.GetTempFileName();

    [Theory]
    [InlineData("auto", 1)]
    [InlineData("auto", 2)]
    [InlineData("epoll", 2)]
    public void Producing_and_fetching_allocates_nothing_on_the_cores(string io, int cores)
    {
        if (!Kcat.IsHere(output))
        {
            return;
        }
        using (StreamWriter writer = new(_lines))
        {
            for (int i = 0; i < Records; i++)
            {
                writer.Write($"record {i} of a steady load\n");
            }
        }
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions
            {
                Io = io,
                Cores = cores,
                // A new log's epoch is written with the first of these, once: that belongs to the warm-up, and many others to
                // what is measured.
                Set = ["num.partitions=4", "replica.high.watermark.checkpoint.interval.ms=1000"],
            }
        );
        // A record is a request, and what a fetch brings is a few of them; the first one makes the topic.
        Tool.Run("kcat", ["-P", "-b", broker.Bootstrap, "-t", "steady"], input: "first\n").Ok();
        Task<ToolResult> consuming = Task.Run(() =>
            Tool.Run(
                    "kcat",
                    [
                        "-C",
                        "-b",
                        broker.Bootstrap,
                        "-t",
                        "steady",
                        "-o",
                        "beginning",
                        "-c",
                        $"{Records}",
                        "-q",
                        "-X",
                        "fetch.message.max.bytes=1000",
                    ],
                    outputFile: "/dev/null"
                )
                .Ok()
        );
        Until.Holds(() => broker.ReadStatistics().RequestsOf("Fetch") > 0, "the consumer fetches");
        Task<ToolResult> producing = Task.Run(() =>
            Kcat.Produce(
                broker,
                "steady",
                _lines,
                partition: Kcat.EveryPartition,
                settings: ["batch.num.messages=1", "queue.buffering.max.messages=2000"]
            )
        );
        Measure(broker, producing);
        producing.GetAwaiter().GetResult();
        consuming.GetAwaiter().GetResult();
        broker.Stop();
    }

    public void Dispose() => File.Delete(_lines);

    /// <summary>
    /// Compares readings until enough requests lie between them. A turn of a loop that was too long writes a line to the
    /// log, and any other request may allocate: readings with such between them say nothing.
    /// </summary>
    private void Measure(BrokerProcess broker, Task producing)
    {
        long measured = 0;
        long fetches = 0;
        BrokerStatistics last = broker.ReadStatistics();
        List<string> allocations = [];
        while (measured < MeasuredRequests || fetches < FetchesMin)
        {
            Assert.False(
                producing.IsCompleted,
                $"until the load ended {measured} requests were measured, {fetches} of them fetches"
            );
            BrokerStatistics next = broker.ReadStatistics();
            long requests = Data(next) - Data(last);
            bool isQuiet =
                next.RequestsBeside("Produce", "Fetch") == last.RequestsBeside("Produce", "Fetch")
                && next.Cores.Sum(core => core.Stalls) == last.Cores.Sum(core => core.Stalls);
            if (isQuiet && Data(last) > WarmUpRequests)
            {
                measured += requests;
                fetches += next.RequestsOf("Fetch") - last.RequestsOf("Fetch");
                for (int core = 0; core < next.Cores.Count; core++)
                {
                    long allocated = next.Cores[core].AllocatedBytes - last.Cores[core].AllocatedBytes;
                    if (allocated != 0)
                    {
                        allocations.Add(
                            $"core {core}: {allocated} bytes over {requests} requests (reading {next.Sequence})"
                        );
                    }
                }
            }
            last = next;
        }
        output.WriteLine($"{measured} requests, {fetches} of them fetches");
        Assert.Empty(allocations);
    }

    private static long Data(BrokerStatistics statistics) =>
        statistics.RequestsOf("Produce") + statistics.RequestsOf("Fetch");
}
