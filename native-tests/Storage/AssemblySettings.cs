using System.Runtime.CompilerServices;
using Aot.Broker.Base;

namespace Aot.Broker.Storage.Tests;

internal static class TestProcess
{
    [ModuleInitializer]
    internal static void Begin() => Invariant.VerifyEnabled = true;
}
