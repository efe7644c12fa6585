namespace Aot.Broker.Simulation.Tests;

/// <summary>Every fault at every call of the disk within the steps of a scenario, on all processors.</summary>
internal sealed class FaultEnumeration(Scenario scenario)
{
    private const int FailuresMax = 10;

    /// <summary>The calls of the steps, in order: the same for every fault, up to the call that it befalls.</summary>
    public List<DiskCall> Calls(bool syncsBeforeAnswer) => Tell(-1, DiskFault.None, syncsBeforeAnswer);

    public List<string> RunAll(out int runs)
    {
        List<(long Call, DiskFault Fault)> all = [];
        foreach (bool syncs in (ReadOnlySpan<bool>)[false, true])
        {
            List<DiskCall> calls = Calls(syncs);
            foreach (DiskFault fault in Enum.GetValues<DiskFault>())
            {
                if (SyncsBeforeAnswer(fault) == syncs)
                {
                    all.AddRange(
                        Enumerable
                            .Range(0, calls.Count)
                            .Where(k => fault.CanBefall(calls[k]))
                            .Select(k => ((long)k, fault))
                    );
                }
            }
        }
        runs = all.Count;
        return Parallel.Run(all, one => RunOne(one.Call, one.Fault), FailuresMax);
    }

    /// <summary>What went wrong: one message, or none.</summary>
    public List<string> RunOne(long call, DiskFault fault)
    {
        try
        {
            Tell(call, fault, SyncsBeforeAnswer(fault));
            return [];
        }
        catch (SimulationFailure failure)
        {
            return [failure.Message];
        }
    }

    /// <summary>A kill loses nothing that was written; all other faults are told with a broker that syncs first.</summary>
    private static bool SyncsBeforeAnswer(DiskFault fault) => !fault.IsKill();

    private List<DiskCall> Tell(long call, DiskFault fault, bool syncsBeforeAnswer)
    {
        using World world = new(1, scenario.Name, $"--scenario {scenario.Name} --call {call} --fault {fault}");
        new ScenarioRun(world, scenario, syncsBeforeAnswer).Run(call, fault);
        return world.Device.Faults.Calls;
    }
}
