using Aot.Broker.Cluster.Configs;

namespace Aot.Broker.Tests;

/// <summary>What the start says about acknowledged records.</summary>
public sealed class DurabilityLineTests
{
    [Theory]
    [InlineData(
        "",
        "an acknowledged record is in the page cache; a loss of power can take what the kernel has not written"
    )]
    [InlineData("log.flush.interval.messages=1", "an acknowledged record is on the disk")]
    [InlineData(
        "log.flush.interval.messages=500",
        "an acknowledged record is in the page cache; a loss of power can take fewer than 500 records of a partition"
    )]
    [InlineData(
        "log.flush.interval.ms=1000",
        "an acknowledged record is in the page cache; a loss of power can take those of the last 1000 ms"
    )]
    [InlineData(
        "log.flush.scheduler.interval.ms=250",
        "an acknowledged record is in the page cache; a loss of power can take those of the last 250 ms"
    )]
    public void It_follows_the_flush_settings(string setting, string line)
    {
        Dictionary<string, string> given =
            setting.Length == 0 ? [] : new() { [setting.Split('=')[0]] = setting.Split('=')[1] };
        ConfigValues values = new(ConfigTable.Broker, new ConfigLayer(ConfigSource.StaticBroker, given));
        Assert.Equal(line, ServeReport.Durability(values));
    }
}
