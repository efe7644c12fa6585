using Aot.Broker.Base;

namespace Aot.Broker.Coordinators;

/// <summary>The voice of this room in the process's log.</summary>
internal static class CoordinatorTrace
{
    public static Logger Log { get; } = Base.Log.For("coordinator");
}
