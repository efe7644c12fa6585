using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Faults.Tests;

/// <summary>Partitions move between two log directories while they are written, and the broker is killed meanwhile.</summary>
public sealed class MoveTests : IDisposable
{
    private const int Kills = 4;

    private readonly string _second = Directory.CreateTempSubdirectory("aot-broker-second-").FullName;
    private readonly string _first = Directory.CreateTempSubdirectory("aot-broker-first-").FullName;

    [Fact]
    public void Kills_during_moves_lose_nothing_that_was_acknowledged()
    {
        using BrokerProcess broker = Start();
        using (KafkaConnection connection = new(broker))
        {
            connection.CreateTopic("moving", 2, ("segment.bytes", "1048576"), ("file.delete.delay.ms", "100"));
        }
        PipelinedProducer[] producers =
        [
            new(0, "moving", 0, isIdempotent: true, 1),
            new(1, "moving", 1, isIdempotent: true, 2),
        ];
        LogCheck check = new(producers);
        Random random = new(7);
        for (int kill = 0; kill < Kills; kill++)
        {
            Task[] running =
            [
                .. producers.Select(producer =>
                    Task.Factory.StartNew(
                        () => producer.Run(broker, () => true, () => { }),
                        TaskCreationOptions.LongRunning
                    )
                ),
            ];
            using (KafkaConnection connection = new(broker))
            {
                string target = kill % 2 == 0 ? _second : _first;
                Assert.All(Move(connection, target, 0, 1), code => Assert.Equal(ErrorCode.None, code));
                int moved = random.Next(2);
                Until.Holds(() => PartitionsIn(connection, target) >= moved, "so many partitions have moved");
            }
            broker.Kill();
            Task.WaitAll(running);
            broker.Restart();
            check.Continue(broker);
        }
        foreach (PipelinedProducer producer in producers)
        {
            producer.Finish(broker);
            Assert.Empty(producer.Errors);
        }
        using (KafkaConnection connection = new(broker))
        {
            Assert.All(Move(connection, _second, 0, 1), code => Assert.Equal(ErrorCode.None, code));
            Until.Holds(() => PartitionsIn(connection, _second) == 2, "both partitions have moved");
        }
        broker.Stop();
        broker.Restart();
        LogCheck.Whole(broker, producers, isFinished: true);
        Assert.Equal(2, Directory.GetDirectories(_second, "moving-?").Length);
        Assert.Empty(Directory.GetDirectories(_first, "moving-?"));
        BrokerLog.HasNoStackTrace(broker);
    }

    [Fact]
    public void What_cannot_be_moved_gets_its_error()
    {
        using BrokerProcess broker = Start();
        using KafkaConnection connection = new(broker);
        connection.CreateTopic("moving", 1);
        Assert.Equal([ErrorCode.LogDirNotFound], Move(connection, "/nowhere", 0));
        Assert.Equal([ErrorCode.UnknownTopicOrPartition], Move(connection, _second, 7));
        Assert.Equal([ErrorCode.None], Move(connection, Directory.Exists(_first + "/moving-0") ? _first : _second, 0));
    }

    [Fact]
    public void A_partition_whose_name_leaves_no_room_for_the_mark_of_a_copy_stays()
    {
        using BrokerProcess broker = Start();
        using KafkaConnection connection = new(broker);
        string longest = new('l', 213);
        Assert.Equal([ErrorCode.UnknownTopicOrPartition], Move(connection, longest, _second, 9));
        Assert.Equal([ErrorCode.InvalidTopicException], Move(connection, longest, _second, 10));
        Assert.Equal([ErrorCode.InvalidTopicException], Move(connection, longest + "l", _second, 0));
    }

    public void Dispose()
    {
        Directory.Delete(_first, recursive: true);
        Directory.Delete(_second, recursive: true);
    }

    private BrokerProcess Start()
    {
        string config = Path.Combine(_first, "server.properties");
        string[] lines =
        [
            "process.roles=broker,controller",
            "node.id=1",
            "controller.quorum.voters=1@127.0.0.1:9093",
            "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
            "controller.listener.names=CONTROLLER",
            $"log.dirs={_first},{_second}",
        ];
        File.WriteAllLines(config, lines);
        return BrokerProcess.Start(
            new BrokerOptions
            {
                DataDirectory = _first,
                ConfigFile = config,
                ConfigFileOnly = true,
            }
        );
    }

    private static ErrorCode[] Move(KafkaConnection connection, string target, params int[] partitions) =>
        Move(connection, "moving", target, partitions);

    private static ErrorCode[] Move(KafkaConnection connection, string topic, string target, params int[] partitions)
    {
        AlterReplicaLogDirsRequest request = new()
        {
            Dirs = [new() { Path = target, Topics = [new() { Name = topic, Partitions = [.. partitions] }] }],
        };
        AlterReplicaLogDirsResponse answer = connection.Call<AlterReplicaLogDirsResponse>(
            ApiKey.AlterReplicaLogDirs,
            2,
            request,
            AlterReplicaLogDirsResponse.TryRead
        );
        return [.. answer.Results.SelectMany(topic => topic.Partitions).Select(one => (ErrorCode)one.ErrorCode)];
    }

    private static int PartitionsIn(KafkaConnection connection, string target)
    {
        DescribeLogDirsResponse answer = connection.Call<DescribeLogDirsResponse>(
            ApiKey.DescribeLogDirs,
            4,
            new DescribeLogDirsRequest { Topics = null },
            DescribeLogDirsResponse.TryRead
        );
        return answer
            .Results.Where(result => result.LogDir == target)
            .SelectMany(result => result.Topics)
            .Where(topic => topic.Name == "moving")
            .Sum(topic => topic.Partitions.Count(partition => !partition.IsFutureKey));
    }
}
