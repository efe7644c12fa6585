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
