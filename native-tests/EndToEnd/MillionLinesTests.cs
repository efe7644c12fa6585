using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>A million lines of text go in by kcat and come out the same, byte by byte.</summary>
[Trait("Io", "once")]
public sealed class MillionLinesTests(ITestOutputHelper output) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aot-broker-lines-").FullName;

    [Theory]
    [InlineData("auto", "none")]
    [InlineData("auto", "gzip")]
    [InlineData("auto", "snappy")]
    [InlineData("auto", "lz4")]
    [InlineData("auto", "zstd")]
    [InlineData("epoll", "none")]
    [InlineData("epoll", "gzip")]
    [InlineData("epoll", "snappy")]
    [InlineData("epoll", "lz4")]
    [InlineData("epoll", "zstd")]
    public void What_was_produced_is_consumed_byte_by_byte(string io, string codec)
    {
        if (!Kcat.IsHere(output))
        {
            return;
        }
        NumberedLines lines = new(PathOf("sent"));
        using BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { Io = io, Cores = 1 });
        Kcat.Produce(broker, "lines", lines.Path, codec);
        Kcat.Consume(broker, "lines", PathOf("received"));
        lines.AssertSameBytes(PathOf("received"));
        broker.Stop();
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Two_cores_share_the_partitions_of_a_topic(string io)
    {
        if (!Kcat.IsHere(output))
        {
            return;
        }
        const int partitions = 5;
        NumberedLines lines = new(PathOf("sent"));
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions
            {
                Io = io,
                Cores = 2,
                Set = [$"num.partitions={partitions}"],
            }
        );
        Kcat.Produce(broker, "spread", lines.Path, "lz4", partition: Kcat.EveryPartition);
        lines.AssertSpreadOver(ConsumeAll(broker, "spread", partitions));
        broker.Stop();
    }

    [Theory]
    [InlineData("auto", 1)]
    [InlineData("epoll", 2)]
    public void A_restart_changes_nothing(string io, int cores)
    {
        if (!Kcat.IsHere(output))
        {
            return;
        }
        const int partitions = 3;
        NumberedLines lines = new(PathOf("sent"));
        // Small segments: many of them are open, and closed again, before and after.
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions
            {
                Io = io,
                Cores = cores,
                Set = [$"num.partitions={partitions}", "log.segment.bytes=4194304"],
            }
        );
        Kcat.Produce(broker, "kept", lines.Path, "none", partition: Kcat.EveryPartition);
        broker.Stop();
        broker.Restart();
        lines.AssertSpreadOver(ConsumeAll(broker, "kept", partitions));
        broker.Stop();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string PathOf(string name) => Path.Combine(_folder, name);

    private List<string> ConsumeAll(BrokerProcess broker, string topic, int partitions)
    {
        List<string> files = [];
        for (int partition = 0; partition < partitions; partition++)
        {
            files.Add(PathOf($"received-{partition}"));
            Kcat.Consume(broker, topic, files[^1], partition);
        }
        return files;
    }
}
