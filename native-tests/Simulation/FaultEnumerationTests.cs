using Xunit.Abstractions;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Every call of the disk in short stories of a broker, with every fault that can befall it: the end of the process
/// before, in the middle and after, by a kill or a power loss, EIO, ENOSPC, EMFILE, a short write.
/// </summary>
public class FaultEnumerationTests(ITestOutputHelper output)
{
    public static TheoryData<string> Names => new(AllScenarios.List.Select(scenario => scenario.Name));

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_fault_at_every_call_leaves_what_was_acknowledged(string name)
    {
        List<string> failures = new FaultEnumeration(AllScenarios.Find(name)).RunAll(out int runs);
        output.WriteLine($"{runs} faults");
        Assert.True(failures.Count == 0, string.Join("\n\n", failures.Take(2)));
        Assert.True(runs > 20);
    }

    [Fact]
    public void The_calls_of_a_story_are_the_same_each_time()
    {
        FaultEnumeration enumeration = new(AllScenarios.Find("rolls"));
        Assert.Equal(enumeration.Calls(syncsBeforeAnswer: true), enumeration.Calls(syncsBeforeAnswer: true));
    }
}
