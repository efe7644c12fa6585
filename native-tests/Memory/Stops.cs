using Aot.Broker.Base;

// A broken invariant ends the process; here it becomes an exception, through a hook that is the process's own.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Aot.Broker.Memory.Tests;

internal sealed class StopException(string message) : Exception(message);

internal static class Stops
{
    /// <summary>The action must break an invariant; returns what the process would have said at its end.</summary>
    public static string MessageOf(Action action)
    {
        Invariant.OnFailure = message => throw new StopException(message);
        try
        {
            return Assert.Throws<StopException>(action).Message;
        }
        finally
        {
            Invariant.OnFailure = null;
        }
    }
}
