using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Xunit.Abstractions;

namespace Aot.Broker.Faults.Tests;

/// <summary>A file system of the test's own that is too small; only where the user may mount one.</summary>
public sealed class FullDiskTests(ITestOutputHelper output) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aot-broker-full-").FullName;
    private bool _isMounted;

    public void Dispose()
    {
        if (_isMounted)
        {
            Tool.Run("umount", ["-l", _folder]).Ok();
        }
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Producing_is_refused_while_there_is_no_space_and_goes_on_when_there_is()
    {
        if (!Mount("24m"))
        {
            return;
        }
        using BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { DataDirectory = _folder });
        PipelinedProducer producer = new(0, "fill", 0, isIdempotent: false, 1);
        using (KafkaConnection connection = new(broker))
        {
            connection.CreateTopic("fill", 1);
        }
        producer.Run(broker, () => producer.Errors.Count == 0, () => { });
        Assert.True(broker.IsRunning, broker.Describe());
        Assert.NotEmpty(producer.Errors);
        Assert.All(producer.Errors, error => Assert.Contains(error, Retriable.Codes));
        Assert.True(producer.Acknowledged.Count > 100);
        Assert.DoesNotContain("exception=", broker.Errors);
        LogCheck.Whole(broker, [producer], isFinished: false);

        Tool.Run("mount", ["-o", "remount,size=100m", _folder]).Ok();
        int before = producer.Acknowledged.Count;
        producer.Errors.Clear();
        producer.Run(broker, () => producer.Acknowledged.Count < before + 1000, () => { });
        Assert.Empty(producer.Errors);
        broker.Kill();
        broker.Restart();
        LogCheck.Whole(broker, [producer], isFinished: false);
        broker.Stop();
        broker.Restart();
        LogCheck.Whole(broker, [producer], isFinished: false);
        Assert.True(producer.Acknowledged.Count >= before + 1000);
    }

    [Fact]
    public void Topics_are_refused_while_the_metadata_log_has_no_space_and_made_when_it_has()
    {
        if (!Mount("2m"))
        {
            return;
        }
        DirectoryInfo beside = Directory.CreateTempSubdirectory("aot-broker-beside-");
        try
        {
            BrokerOptions options = Apart(beside, beside.FullName, _folder);
            using BrokerProcess broker = BrokerProcess.Start(options);
            List<string> made = [];
            string refused = FillWithTopics(broker, made);
            using (KafkaConnection connection = new(broker))
            {
                Assert.Equal(ErrorCode.UnknownTopicOrPartition, connection.TryFindTopic(refused).Error);
                Assert.All(made, topic => MustTake(connection, topic));
                TakeBallast();
                connection.CreateTopic(refused, 1);
                made.Add(refused);
                Assert.All(made, topic => MustTake(connection, topic));
            }
            FillWithTopics(broker, made);
            broker.Kill();
            ToolResult failed = BrokerProcess.StartAndFail(options);
            Assert.True(failed.ExitCode == 6, $"exit code {failed.ExitCode}: {failed.Errors}");
            Assert.Contains("ENOSPC", failed.Errors);
            TakeBallast();
            broker.Restart();
            using KafkaConnection again = new(broker);
            Assert.All(made, topic => MustTake(again, topic));
            again.CreateTopic("last", 1);
            broker.Stop();
        }
        finally
        {
            beside.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_topic_made_without_space_takes_records_when_there_is_and_a_kill_in_between_loses_nothing()
    {
        if (!Mount("8m"))
        {
            return;
        }
        DirectoryInfo beside = Directory.CreateTempSubdirectory("aot-broker-beside-");
        try
        {
            using BrokerProcess broker = BrokerProcess.Start(Apart(beside, _folder, beside.FullName));
            PipelinedProducer producer = new(0, "before", 0, isIdempotent: true, 1);
            using (KafkaConnection connection = new(broker))
            {
                connection.CreateTopic("before", 1);
                producer.Run(broker, () => producer.Acknowledged.Count < 500, () => { });
                PutBallast();
                producer.Run(broker, () => producer.Errors.Count == 0, () => { });
                // The metadata has it; what is missing is the place for its log.
                connection.CreateTopic("without", 1);
                Assert.Contains((ErrorCode)connection.Produce("without", 0, Record).ErrorCode, Retriable.Codes);
            }
            broker.Kill();
            broker.Restart();
            TakeBallast();
            using (KafkaConnection connection = new(broker))
            {
                Until.Holds(() => connection.Produce("without", 0, Record).ErrorCode == 0, "the topic takes records");
                Until.Holds(() => connection.Fetch("before", 0, 0).ErrorCode == 0, "the old one is online");
            }
            producer.Errors.Clear();
            producer.Finish(broker);
            Assert.Empty(producer.Errors);
            LogCheck.Whole(broker, [producer], isFinished: true);
            PipelinedProducer after = new(1, "after", 0, isIdempotent: true, 1);
            using (KafkaConnection connection = new(broker))
            {
                connection.CreateTopic("after", 1);
            }
            after.Run(broker, () => after.Acknowledged.Count < 500, () => { });
            Assert.Empty(after.Errors);
            broker.Stop();
            broker.Restart();
            LogCheck.Whole(broker, [producer, after], isFinished: true);
            Assert.DoesNotContain("exception=", broker.Errors);
        }
        finally
        {
            beside.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_start_without_space_ends_with_6()
    {
        if (!Mount("16k"))
        {
            return;
        }
        File.WriteAllBytes(Path.Combine(_folder, "fill"), new byte[4096]);
        ToolResult result = BrokerProcess.StartAndFail(
            new BrokerOptions { DataDirectory = Path.Combine(_folder, "data") }
        );
        Assert.True(result.ExitCode == 6, $"exit code {result.ExitCode}: {result.Errors}");
        Assert.DoesNotContain("   at ", result.Errors);
    }

    /// <summary>Partitions in one folder and the metadata log in another, by a file: an option would put them together.</summary>
    private static BrokerOptions Apart(DirectoryInfo files, string data, string metadata)
    {
        string config = Path.Combine(files.FullName, "server.properties");
        string[] lines =
        [
            "process.roles=broker,controller",
            "node.id=1",
            "controller.quorum.voters=1@127.0.0.1:9093",
            "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
            "controller.listener.names=CONTROLLER",
            $"log.dirs={Path.Combine(data, "data")}",
            $"metadata.log.dir={Path.Combine(metadata, "metadata")}",
        ];
        File.WriteAllLines(config, lines);
        return new BrokerOptions
        {
            DataDirectory = Path.Combine(data, "data"),
            ConfigFile = config,
            ConfigFileOnly = true,
        };
    }

    private static byte[] Record => Batches.Numbered(9, 0, 1, 0);

    private string Ballast => Path.Combine(_folder, "ballast");

    /// <summary>Makes topics without leaving space for their records; returns the one that was refused.</summary>
    private string FillWithTopics(BrokerProcess broker, List<string> made)
    {
        PutBallast();
        using KafkaConnection connection = new(broker);
        for (int i = 0; i < 1000; i++)
        {
            string topic = $"topic-{made.Count}";
            (ErrorCode error, _) = connection.TryCreateTopic(topic, 1);
            if (error != ErrorCode.None)
            {
                Assert.Contains(error, Retriable.Codes);
                return topic;
            }
            made.Add(topic);
        }
        throw new HarnessException("the disk is never full");
    }

    private static void MustTake(KafkaConnection connection, string topic) =>
        Assert.Equal(ErrorCode.None, (ErrorCode)connection.Produce(topic, 0, Record).ErrorCode);

    /// <summary>Takes all the space that is left.</summary>
    private void PutBallast()
    {
        using FileStream file = new(Ballast, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        byte[] page = new byte[Environment.SystemPageSize];
        try
        {
            while (true)
            {
                file.Write(page);
            }
        }
        catch (IOException)
        {
            // There is no more.
        }
    }

    private void TakeBallast() => File.Delete(Ballast);

    private bool Mount(string size)
    {
        ToolResult result = Tool.Run("mount", ["-t", "tmpfs", "-o", $"size={size}", "tmpfs", _folder]);
        _isMounted = result.ExitCode == 0;
        if (!_isMounted)
        {
            output.WriteLine($"SKIPPED: this user may not mount a tmpfs ({result.Errors.Trim()})");
        }
        return _isMounted;
    }
}
