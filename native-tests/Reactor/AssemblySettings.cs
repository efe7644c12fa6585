using System.Runtime.CompilerServices;
using Aot.Broker.Base;

// Tests count descriptors and turns of the whole process, so one runs at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Aot.Broker.Reactor.Tests;

internal static class TestProcess
{
    [ModuleInitializer]
    internal static void Begin() => Invariant.VerifyEnabled = true;
}
