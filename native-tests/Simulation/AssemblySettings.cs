using System.Runtime.CompilerServices;
using Aot.Broker.Base;

namespace Aot.Broker.Simulation.Tests;

internal static class AssemblySettings
{
    [ModuleInitializer]
    internal static void Begin()
    {
        Invariant.VerifyEnabled = true;
        // A broken invariant ends the simulated process and not ours, so that the failure can say its seed.
        Invariant.OnFailure = message => throw new BrokenInvariant(message);
        // Recoveries by the thousand are what these tests are made of; their log lines say nothing to anybody.
        Log.Process.Level = LogLevel.Off;
    }
}

/// <summary>What <see cref="Invariant"/> found, as an exception of the simulation.</summary>
internal sealed class BrokenInvariant(string message) : Exception(message);
