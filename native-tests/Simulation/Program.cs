using System.Diagnostics;
using System.Globalization;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// What <c>./build.sh sim</c> runs: seeds, from one on or a single one; or one fault of a scenario, or all of them.
/// </summary>
internal static class Program
{
    private const string Usage = """
        usage: ./build.sh sim [--seeds N] [--first S]    N runs of mixed load with faults, from seed S on (1000, 1)
               ./build.sh sim --seed S                   one of them again
               ./build.sh sim --scenario NAME            every fault at every call of the disk in a scenario
               ./build.sh sim --scenario NAME --call K --fault FAULT
        """;

    public static int Main(string[] arguments)
    {
        Dictionary<string, string> options = [];
        for (int i = 0; i + 1 < arguments.Length; i += 2)
        {
            options[arguments[i]] = arguments[i + 1];
        }
        string[] known = ["--seeds", "--first", "--seed", "--scenario", "--call", "--fault"];
        if (arguments.Length % 2 != 0 || options.Keys.Any(key => !known.Contains(key)))
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        long begin = Stopwatch.GetTimestamp();
        (int runs, List<string> failures) = Run(options);
        foreach (string failure in failures)
        {
            Console.WriteLine(failure);
        }
        Console.WriteLine($"{runs} runs, {failures.Count} failed, {Stopwatch.GetElapsedTime(begin).TotalSeconds:F1} s");
        return failures.Count == 0 ? 0 : 1;
    }

    private static (int Runs, List<string> Failures) Run(Dictionary<string, string> options)
    {
        if (options.TryGetValue("--scenario", out string? name))
        {
            FaultEnumeration enumeration = new(AllScenarios.Find(name));
            if (options.TryGetValue("--call", out string? call))
            {
                DiskFault fault = Enum.Parse<DiskFault>(options.GetValueOrDefault("--fault", "None"), ignoreCase: true);
                return (1, enumeration.RunOne(long.Parse(call, CultureInfo.InvariantCulture), fault));
            }
            List<string> failures = enumeration.RunAll(out int runs);
            return (runs, failures);
        }
        if (options.TryGetValue("--seed", out string? seed))
        {
            return (1, SeedRuns.RunOne(ulong.Parse(seed, CultureInfo.InvariantCulture)));
        }
        ulong first = ulong.Parse(options.GetValueOrDefault("--first", "1"), CultureInfo.InvariantCulture);
        int count = int.Parse(options.GetValueOrDefault("--seeds", "1000"), CultureInfo.InvariantCulture);
        return (count, SeedRuns.Run(first, count));
    }
}
