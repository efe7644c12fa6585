namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A short story of a broker. What comes before its steps is only told once well; within its steps every call of the disk
/// is tried with every fault.
/// </summary>
internal sealed record Scenario(string Name, Func<ScenarioRun, Task> Steps)
{
    public Func<ScenarioRun, Task>? Before { get; init; }

    public IReadOnlyList<string> Directories { get; init; } = ["/data"];

    /// <summary>The first start on an empty disk is a part of the steps.</summary>
    public bool CountsFirstStart { get; init; }

    /// <summary>The steps end with a stop in good order and another start.</summary>
    public bool CountsRestart { get; init; }

    public override string ToString() => Name;
}
