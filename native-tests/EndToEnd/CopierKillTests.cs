using System.Diagnostics;
using System.Text.Json.Nodes;
using Aot.Broker.EndToEnd.Tests.Matrix;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>
/// Apache Kafka's own program for this: the transactional message copier, one for each of two partitions, while copiers and
/// broker are killed in turn. The output has each message of the input once.
/// </summary>
[Trait("Io", "once")]
public sealed class CopierKillTests(ITestOutputHelper output)
{
    private const int Partitions = 2;
    private const int Messages = 10_000;
    private const int KillsMax = 4;

    /// <summary>
    /// A copier's next life asks where its group stands before it shuts the life before out. When that one was killed with
    /// offsets in its open transaction, the answer is UNSTABLE_OFFSET_COMMIT until the transaction has taken too long
    /// (KIP-447), with Apache Kafka too. The copier's own choice is a minute, which is also how long it asks.
    /// </summary>
    private const int TransactionMs = 15_000;

    private static readonly TimeSpan s_stallLimit = TimeSpan.FromMinutes(1);

    private const string Input = "copier-input";
    private const string Output = "copier-output";

    [Fact]
    public void Copiers_that_are_killed_with_their_broker_copy_each_message_once()
    {
        if (Peers.Kafka is not { } kafka)
        {
            Peers.Skip(output, "Apache Kafka's transactional message copier (and Java)");
            return;
        }
        if (!Kcat.IsHere(output))
        {
            return;
        }
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions { Set = ["transaction.abort.timed.out.transaction.cleanup.interval.ms=1000"] }
        );
        TopicMaker.Create(broker.Bootstrap, Input, Partitions, []);
        TopicMaker.Create(broker.Bootstrap, Output, Partitions, []);
        Peers
            .RunKafka(
                "verifiable-producer",
                ["--bootstrap-server", broker.Bootstrap, "--topic", Input, "--max-messages", $"{Messages}"]
            )
            .Ok();
        Copier[] copiers =
        [
            .. Enumerable.Range(0, Partitions).Select(partition => new Copier(kafka, broker, partition)),
        ];
        int kills = 0;
        try
        {
            while (!AreDone(copiers))
            {
                // Not before there was progress, so that every life gets somewhere.
                long before = copiers.Sum(copier => copier.Transactions);
                Until.Holds(
                    () => AreDone(copiers) || copiers.Sum(copier => copier.Transactions) > before + 60,
                    "the copiers go on",
                    s_stallLimit
                );
                if (kills < KillsMax)
                {
                    Kill(kills++, copiers, broker);
                }
            }
        }
        catch (HarnessException failure)
        {
            throw new HarnessException(
                $"{failure.Message}\n{string.Join('\n', copiers.Select(copier => copier.Said))}\n{broker.Describe()}"
            );
        }
        finally
        {
            foreach (Copier copier in copiers)
            {
                copier.Dispose();
            }
        }
        Assert.True(kills >= KillsMax / 2, $"only {kills} kills");
        output.WriteLine($"{kills} kills, {copiers.Sum(copier => copier.Lives)} lives of copiers");
        Assert.Equal(Values(broker, Input), Values(broker, Output));
        broker.Stop();
    }

    /// <summary>Asks all of them: whoever gave up begins again.</summary>
    private static bool AreDone(Copier[] copiers) => copiers.Count(copier => copier.IsDone()) == copiers.Length;

    /// <summary>In turn: one copier, the broker, the other copier, both at once.</summary>
    private static void Kill(int number, Copier[] copiers, BrokerProcess broker)
    {
        bool isBroker = number % 4 is 1 or 3;
        bool isCopier = number % 4 != 1;
        if (isBroker)
        {
            broker.Kill();
        }
        if (isCopier)
        {
            copiers[number / 2 % copiers.Length].KillAndRestart();
        }
        if (isBroker)
        {
            broker.RestartInPlace();
        }
    }

    /// <summary>What a reader of committed records finds, sorted.</summary>
    private static string[] Values(BrokerProcess broker, string topic)
    {
        string[] words =
        [
            "-C",
            "-b",
            broker.Bootstrap,
            "-t",
            topic,
            "-e",
            "-q",
            "-X",
            "isolation.level=read_committed",
        ];
        string[] values = Tool.Run("kcat", words).Ok().Output.TrimEnd('\n').Split('\n');
        Array.Sort(values, StringComparer.Ordinal);
        return values;
    }

    /// <summary>A copier of one partition, through all its lives.</summary>
    private sealed class Copier : IDisposable
    {
        private readonly string[] _words;
        private readonly string _kafka;
        private readonly BoundedText _said = new(256 * 1024);
        private Process _process;
        private long _transactions;

        public Copier(string kafka, BrokerProcess broker, int partition)
        {
            _kafka = kafka;
            _words =
            [
                "transactional-copier",
                "--broker-list",
                broker.Bootstrap,
                "--input-topic",
                Input,
                "--input-partition",
                $"{partition}",
                "--output-topic",
                Output,
                "--transactional-id",
                $"copier-{partition}",
                "--consumer-group",
                $"copiers-{partition}",
                "--transaction-size",
                "5",
                "--transaction-timeout",
                $"{TransactionMs}",
                "--enable-random-aborts",
                "--use-group-metadata",
            ];
            _process = Start();
        }

        /// <summary>Lines of progress, one for each transaction of any life.</summary>
        public long Transactions => Interlocked.Read(ref _transactions);

        public int Lives { get; private set; }

        /// <summary>What all lives have printed, the last of it.</summary>
        public string Said => $"{_said}";

        /// <summary>True at the end of the partition. A copier that gave up meanwhile, which it may, begins again.</summary>
        public bool IsDone()
        {
            if (!_process.HasExited)
            {
                return false;
            }
            if (_process.ExitCode == 0)
            {
                return true;
            }
            Assert.True(Lives < 2 * KillsMax, $"the copier ends again and again\n{_said}");
            _process.Dispose();
            _process = Start();
            return false;
        }

        public void KillAndRestart()
        {
            if (_process.HasExited)
            {
                return;
            }
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
            _process = Start();
        }

        public void Dispose()
        {
            if (!_process.HasExited)
            {
                _process.Kill();
                _process.WaitForExit();
            }
            _process.Dispose();
        }

        private Process Start()
        {
            Lives++;
            ProcessStartInfo start = new(_kafka, _words)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["JVM"] = "-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1";
            Process process = Process.Start(start) ?? throw new HarnessException("java does not start");
            process.OutputDataReceived += (_, line) => Note(line.Data);
            process.ErrorDataReceived += (_, line) => _said.AddLine(line.Data ?? "");
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            return process;
        }

        private void Note(string? line)
        {
            if (line is null)
            {
                return;
            }
            _said.AddLine(line);
            if (line.StartsWith('{') && JsonNode.Parse(line)?["stage"]?.GetValue<string>() == "ProcessLoop")
            {
                Interlocked.Increment(ref _transactions);
            }
        }
    }
}
