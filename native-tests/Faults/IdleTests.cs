using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// What a broker costs that has nothing to do. Times are for <c>perf/startup</c> to measure; here are the bounds that
/// hold on any machine: memory, and how often the threads of an idle broker wake up.
/// </summary>
public sealed class IdleTests(ITestOutputHelper output)
{
    private const long ResidentBytesMax = 40L * 1024 * 1024;

    /// <summary>
    /// A wake-up costs some 10 µs: 500 of them in a second of one core are the half percent that an idle broker may use.
    /// A loop that polls passes this within milliseconds.
    /// </summary>
    private const long SwitchesPerSecondMax = 500;
    private static readonly TimeSpan s_watched = TimeSpan.FromSeconds(2);

    [Trait("Io", "once")]
    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void An_idle_broker_is_small_and_sleeps(string io)
    {
        using BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { Io = io });
        long resident = broker.StatusBytes("VmRSS");
        long before = Switches(broker.Pid);
        TimeSpan processorBefore = broker.ProcessorTime();
        using ManualResetEventSlim never = new(false);
        never.Wait(s_watched);
        long switches = Switches(broker.Pid) - before;
        TimeSpan processor = broker.ProcessorTime() - processorBefore;
        output.WriteLine(
            $"{resident / 1024} KiB resident, {switches} switches and {processor.TotalMilliseconds} ms of processor time "
                + $"in {s_watched.TotalSeconds} s"
        );
        Assert.True(switches < SwitchesPerSecondMax * s_watched.TotalSeconds, $"{switches} switches while idle");
        if (IsNative())
        {
            Assert.True(resident < ResidentBytesMax, $"{resident} bytes resident");
        }
    }

    [Fact]
    public void The_measuring_script_says_what_a_start_and_an_idle_broker_cost()
    {
        ToolResult result = Tool.Run(
                Path.Combine(Repository.Root, "perf", "startup"),
                ["3"],
                environment: new Dictionary<string, string>
                {
                    ["AOT_BROKER_BINARY"] = Repository.Binary,
                    ["IDLE_SECONDS"] = "1",
                }
            )
            .Ok();
        output.WriteLine(result.Output);
        Assert.Matches(
            @"^ready after exec: +\d+\.\d ms median of 3 \(\d+\.\d ms to \d+\.\d ms\)\n"
                + @"idle resident memory: +\d+\.\d MB\n"
                + @"idle processor time: +\d+\.\d+ % of one core\n"
                + @"idle context switches: +\d+ per second\n$",
            result.Output
        );
    }

    /// <summary>The same binary with its code as managed assemblies, as a test may be given, carries a compiler.</summary>
    private static bool IsNative() =>
        !File.Exists(Path.Combine(Path.GetDirectoryName(Repository.Binary)!, "aot-broker.dll"));

    /// <summary>Voluntary context switches of all threads so far: each is a thread that went to sleep.</summary>
    private static long Switches(int pid) =>
        Directory
            .GetDirectories($"/proc/{pid}/task")
            .Sum(task =>
                File.ReadLines(Path.Combine(task, "status"))
                    .Where(line => line.StartsWith("voluntary_ctxt_switches:", StringComparison.Ordinal))
                    .Sum(line => long.Parse(line.Split(':')[1]))
            );
}
