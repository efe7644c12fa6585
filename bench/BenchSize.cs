namespace Aot.Broker.Bench;

/// <summary>
/// How large the benchmarks' inputs are: full, or just enough to run every line once. Set before a benchmark's set-up.
/// </summary>
public static class BenchSize
{
    public const string SmokeVariable = "AOT_BROKER_BENCH_SMOKE";

    public static bool IsSmoke { get; set; } = Environment.GetEnvironmentVariable(SmokeVariable) == "1";

    public static int Of(int full, int smoke) => IsSmoke ? smoke : full;
}

/// <summary>
/// The benchmark runs code of the data plane: after its first run it allocates nothing on the managed heap of its
/// thread. The smoke tests hold it to that.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class DataPlaneAttribute : Attribute;
