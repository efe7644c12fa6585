using System.Text;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>Ten million records go in and out, and the process is as large as after the first two millions.</summary>
[Trait("Io", "once")]
public sealed class FlatMemoryTests(ITestOutputHelper output) : IDisposable
{
    private const int RoundRecords = 2_000_000;
    private const int Rounds = 5;

    /// <summary>Less than one byte for each of the records after the first round.</summary>
    private const long GrowthBytesMax = 6 * 1024 * 1024;

    private readonly string _lines = Path.GetTempFileName();

    [Fact]
    public void Ten_million_records_leave_the_memory_as_it_was()
    {
        if (!Kcat.IsHere(output))
        {
            return;
        }
        byte[] thousand = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 1000).Select(i => $"r{i:D7}\n")));
        using (FileStream file = File.Create(_lines))
        {
            for (int i = 0; i < RoundRecords / 1000; i++)
            {
                file.Write(thousand);
            }
        }
        using BrokerProcess broker = BrokerProcess.Start();
        long warm = 0;
        long now = 0;
        for (int round = 0; round < Rounds; round++)
        {
            Kcat.Produce(broker, "many", _lines, settings: ["batch.num.messages=50000", "linger.ms=50"]);
            Kcat.ConsumeFrom(broker, "many", "/dev/null", (long)round * RoundRecords, RoundRecords);
            now = broker.StatusBytes("RssAnon");
            warm = round == 0 ? now : warm;
            output.WriteLine($"{(round + 1) * RoundRecords} records: {now / 1024} KiB");
        }
        Assert.True(now - warm < GrowthBytesMax, $"{warm} bytes after the first round, {now} after the last");
        broker.Stop();
    }

    public void Dispose() => File.Delete(_lines);
}
