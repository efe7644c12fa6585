using System.Globalization;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Which seeds a run uses: a fixed number from 1 on, the same in every test run; AOT_BROKER_SIM_SEEDS asks for more, and
/// AOT_BROKER_SIM_FIRST says where they begin. AOT_BROKER_SIM_SEED replays a single one.
/// </summary>
internal static class Seeds
{
    public static IEnumerable<ulong> Of(int count)
    {
        if (Number("AOT_BROKER_SIM_SEED") is { } only)
        {
            yield return only;
            yield break;
        }
        ulong first = Number("AOT_BROKER_SIM_FIRST") ?? 1;
        ulong many = Number("AOT_BROKER_SIM_SEEDS") ?? (ulong)count;
        for (ulong i = 0; i < many; i++)
        {
            yield return first + i;
        }
    }

    private static ulong? Number(string name) =>
        ulong.TryParse(
            Environment.GetEnvironmentVariable(name),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out ulong value
        )
            ? value
            : null;
}
