using System.Diagnostics;
using Aot.Broker.Harness;
using Aot.Broker.Protocol.Messages;
using Xunit.Abstractions;

namespace Aot.Broker.Faults.Tests;

/// <summary>SIGTERM: what is in flight is answered, what was acknowledged is kept, and the end comes soon.</summary>
public sealed class ShutdownTests(ITestOutputHelper output)
{
    private const string CleanMarker = ".kafka_cleanshutdown";
    private static readonly TimeSpan s_most = TimeSpan.FromSeconds(1);

    [Fact]
    public void Under_load_it_ends_cleanly_in_under_a_second_and_clients_may_try_again()
    {
        using BrokerProcess broker = BrokerProcess.Start();
        using (KafkaConnection connection = new(broker))
        {
            connection.CreateTopic("load", 2);
        }
        PipelinedProducer[] producers =
        [
            new(0, "load", 0, isIdempotent: true, 1),
            new(1, "load", 1, isIdempotent: true, 2),
            new(2, "load", 1, isIdempotent: true, 3),
        ];
        List<TimeSpan> took = [];
        for (int round = 0; round < 5; round++)
        {
            using CountdownEvent warm = new(100);
            Task[] running =
            [
                .. producers.Select(producer =>
                    Task.Factory.StartNew(
                        () => producer.Run(broker, () => producer.Errors.Count == 0, () => Count(warm)),
                        TaskCreationOptions.LongRunning
                    )
                ),
            ];
            // Clients that only wait: a long poll and an idle connection.
            using KafkaConnection poll = new(broker);
            poll.Send(ApiKey.Fetch, 12, KafkaConnection.FetchRequest("load", 0, 1L << 40, 1000, waitMs: 60_000));
            using WireClient idle = broker.Connect();
            Until.Holds(() => warm.IsSet || running.Any(task => task.IsCompleted), "production goes on");
            Assert.True(warm.IsSet, broker.Describe());
            long begin = Stopwatch.GetTimestamp();
            broker.Stop();
            took.Add(Stopwatch.GetElapsedTime(begin));
            Task.WaitAll(running);
            Assert.True(idle.IsClosedByBroker());
            foreach (PipelinedProducer producer in producers)
            {
                Assert.All(producer.Errors, error => Assert.Contains(error, Retriable.Codes));
                producer.Errors.Clear();
            }
            Assert.True(File.Exists(Path.Combine(broker.DataDirectory, CleanMarker)), "the clean marker is written");
            broker.Restart();
            Assert.False(File.Exists(Path.Combine(broker.DataDirectory, CleanMarker)), "the marker holds once");
        }
        foreach (PipelinedProducer producer in producers)
        {
            producer.Finish(broker);
        }
        LogCheck.Whole(broker, producers, isFinished: true);
        BrokerLog.HasNoStackTrace(broker);
        output.WriteLine(string.Join(' ', took.Select(time => $"{time.TotalMilliseconds:0} ms")));
        took.Sort();
        Assert.True(took[took.Count / 2] < s_most, $"the median end took {took[took.Count / 2]}");

        static void Count(CountdownEvent warm)
        {
            lock (warm)
            {
                if (!warm.IsSet)
                {
                    warm.Signal();
                }
            }
        }
    }

    [Fact]
    public void A_second_signal_ends_it_at_once()
    {
        for (int round = 0; round < 10; round++)
        {
            using BrokerProcess broker = BrokerProcess.Start();
            using (KafkaConnection connection = new(broker))
            {
                connection.CreateTopic("topic", 3);
                connection.Produce("topic", 0, Batches.Numbered(0, 0, 3, 10));
            }
            broker.Terminate();
            broker.Terminate();
            int code = broker.WaitForExit(TimeSpan.FromSeconds(10));
            Assert.True(code is 0 or 1 or 143, $"exit code {code}\n{broker.Describe()}");
            broker.Restart();
            using KafkaConnection after = new(broker);
            Assert.Equal(3, after.ReadAll("topic", 0, 0, (_, _) => { }));
        }
    }

    [Fact]
    public void An_interrupt_from_the_keyboard_ends_it_cleanly_too()
    {
        using BrokerProcess broker = BrokerProcess.Start();
        Tool.Run("kill", ["-INT", broker.Pid.ToString()]).Ok();
        Assert.Equal(0, broker.WaitForExit());
        Assert.True(File.Exists(Path.Combine(broker.DataDirectory, CleanMarker)));
    }
}
