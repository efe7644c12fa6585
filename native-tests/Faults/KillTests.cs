using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Faults.Tests;

/// <summary>SIGKILL in the middle of production with acks=all, again and again on one data directory.</summary>
public sealed class KillTests(ITestOutputHelper output)
{
    /// <summary>Of every start.</summary>
    private static readonly TimeSpan s_readyMax = TimeSpan.FromSeconds(2);

    [Trait("Io", "once")]
    [Theory]
    [InlineData("auto", 120)]
    [InlineData("epoll", 80)]
    public void Kills_in_a_row_lose_nothing_that_was_acknowledged(string io, int kills)
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        Random random = new(seed);
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions
            {
                Io = io,
                Set =
                [
                    "log.cleaner.backoff.ms=50",
                    "log.retention.check.interval.ms=50",
                    "log.retention.ms=-1",
                    "log.segment.delete.delay.ms=50",
                    "offsets.topic.num.partitions=4",
                ],
            }
        );
        KillLoad load = new(broker, random);
        List<TimeSpan> starts = [];
        for (int kill = 0; kill < kills; kill++)
        {
            ProduceUntilKilled(broker, load.Producers, random.Next(1, 150), load.Others);
            broker.Restart();
            starts.Add(broker.ReadyAfter);
            Assert.True(broker.ReadyAfter < s_readyMax, $"ready after {broker.ReadyAfter}\n{broker.Describe()}");
            load.Check(broker);
            BrokerLog.HasNoStackTrace(broker);
        }
        starts.Sort();
        load.Finish(broker);
        broker.Kill();
        broker.Restart();
        load.CheckWhole(broker);
        broker.Stop();
        broker.Restart();
        load.CheckWhole(broker);
        output.WriteLine(
            $"{load.Describe(broker)}, restarts of {starts[kills / 2].TotalMilliseconds:0} ms, "
                + $"at most {starts[^1].TotalMilliseconds:0} ms"
        );
    }

    /// <summary>Kills in the middle of starting: what a start writes must be as safe as what production writes.</summary>
    [Fact]
    public void A_start_may_be_killed_at_any_moment()
    {
        using BrokerProcess broker = BrokerProcess.Start();
        PipelinedProducer[] producers = [new(0, "exact", 0, isIdempotent: true, 1)];
        using (KafkaConnection connection = new(broker))
        {
            connection.CreateTopic("exact", 1);
        }
        ProduceUntilKilled(broker, producers, 30);
        long steps = 12;
        long typical = Stopwatch.Frequency / 20;
        for (long step = 0; step < steps; step++)
        {
            KillAfter(broker.DataDirectory, typical * step / steps);
        }
        broker.Restart();
        producers[0].Finish(broker);
        LogCheck.Whole(broker, producers, isFinished: true);
        BrokerLog.HasNoStackTrace(broker);
    }

    [Fact]
    public void Kcat_as_an_idempotent_producer_goes_on_over_kills()
    {
        if (Tool.Find("kcat") is not { } kcat)
        {
            Peers.SkipProgram(output, "kcat");
            return;
        }
        const int rounds = 8;
        const int linesPerRound = 500;
        using BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { Listen = $"127.0.0.1:{FreePort()}" });
        using (KafkaConnection connection = new(broker))
        {
            connection.CreateTopic("lines", 1);
        }
        string[] words =
        [
            .. (string[])["-P", "-E", "-b", broker.Bootstrap, "-t", "lines", "-p", "0", "-q"],
            .. Settings("enable.idempotence=true", "acks=all", "linger.ms=1", "batch.num.messages=20"),
            .. Settings("reconnect.backoff.ms=10", "reconnect.backoff.max.ms=50", "retry.backoff.ms=10"),
        ];
        ProcessStartInfo start = new(kcat, words) { RedirectStandardInput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        BoundedText errors = new(10_000);
        process.ErrorDataReceived += (_, line) => errors.AddLine(line.Data ?? "");
        process.BeginErrorReadLine();
        for (int round = 0; round < rounds; round++)
        {
            for (int line = 0; line < linesPerRound; line++)
            {
                process.StandardInput.Write($"line {(round * linesPerRound) + line}\n");
            }
            process.StandardInput.Flush();
            using (KafkaConnection connection = new(broker))
            {
                // The log grows while it is killed: some of this round's lines are in, more are under way.
                long least = (long)round * linesPerRound;
                Until.Holds(() => connection.Fetch("lines", 0, 0, 1).HighWatermark > least, "kcat produces");
            }
            broker.Kill();
            broker.Restart();
        }
        process.StandardInput.Close();
        Assert.True(process.WaitForExit(Until.Limit), $"kcat does not end\n{errors}");
        Assert.True(process.ExitCode == 0, $"kcat ended with {process.ExitCode}\n{errors}");
        using KafkaConnection reader = new(broker);
        int next = 0;
        reader.ReadAll(
            "lines",
            0,
            0,
            (_, value) => Assert.Equal($"line {next++}", System.Text.Encoding.UTF8.GetString(value))
        );
        Assert.Equal(rounds * linesPerRound, next);

        static string[] Settings(params string[] settings) =>
            [.. settings.SelectMany(setting => (string[])["-X", setting])];
    }

    /// <param name="others">Clients that go on until the broker is gone, and that are not waited for.</param>
    private static void ProduceUntilKilled(
        BrokerProcess broker,
        PipelinedProducer[] producers,
        int acknowledgements,
        params Action<BrokerProcess>[] others
    )
    {
        using CountdownEvent enough = new(acknowledgements);
        Task[] running =
        [
            .. producers.Select(producer =>
                Task.Factory.StartNew(
                    () => producer.Run(broker, () => true, () => Signal(enough)),
                    TaskCreationOptions.LongRunning
                )
            ),
            .. others.Select(other => Task.Factory.StartNew(() => other(broker), TaskCreationOptions.LongRunning)),
        ];
        Until.Holds(() => enough.IsSet || running.Any(task => task.IsCompleted), "production goes on");
        bool allGoOn = !running.Any(task => task.IsCompleted);
        broker.Kill();
        Task.WaitAll(running);
        Assert.True(allGoOn, $"a client ended by itself\n{broker.Describe()}");
        Assert.All(producers, producer => Assert.Empty(producer.Errors));

        static void Signal(CountdownEvent countdown)
        {
            if (countdown.CurrentCount > 0)
            {
                try
                {
                    countdown.Signal();
                }
                catch (InvalidOperationException)
                {
                    // Another producer counted the last one in between.
                }
            }
        }
    }

    /// <summary>Starts a broker and kills it after a while, ready or not.</summary>
    private static void KillAfter(string data, long ticks)
    {
        ProcessStartInfo start = new(Repository.Binary, ["serve", "--data", data, "--listen", "127.0.0.1:0"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        long begin = Stopwatch.GetTimestamp();
        SpinWait spin = default;
        while (Stopwatch.GetTimestamp() - begin < ticks)
        {
            spin.SpinOnce();
        }
        process.Kill();
        process.WaitForExit();
    }

    internal static int FreePort()
    {
        using Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
