using Aot.Broker.Histories;

namespace Aot.Broker.Simulation.Tests;

/// <summary>What the clients of a run did, in the form that <see cref="HistoryChecker"/> reads.</summary>
internal sealed class HistoryRecorder(World world)
{
    private readonly List<Operation> _operations = [];
    private readonly Dictionary<string, Operation> _underWay = [];

    public IReadOnlyList<Operation> Operations => _operations;

    public void Begin(string process, OperationFunction function, params IReadOnlyList<Step> steps) =>
        Add(
            _underWay[process] = new Operation
            {
                Process = process,
                Type = OperationType.Invoke,
                Function = function,
                Steps = steps,
                TimeNanos = world.NowNanos,
            }
        );

    public void End(string process, OperationType type, IReadOnlyList<Step> steps, bool isRebalanced = false)
    {
        _underWay.Remove(process, out Operation? begun);
        Add(begun! with { Type = type, Steps = steps, IsRebalanced = isRebalanced, TimeNanos = world.NowNanos });
    }

    /// <summary>The consumer of the process begins anew at positions of its own choice.</summary>
    public void Assign(string process)
    {
        Begin(process, OperationFunction.Assign);
        End(process, OperationType.Ok, []);
    }

    public void Crash(string process)
    {
        _underWay.Remove(process);
        Add(
            new Operation
            {
                Process = process,
                Type = OperationType.Info,
                Function = OperationFunction.Crash,
                TimeNanos = world.NowNanos,
            }
        );
    }

    private void Add(Operation operation) => _operations.Add(operation);
}
