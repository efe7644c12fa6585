using System.Reflection;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench.Tests;

/// <summary>Every benchmark, small: it runs, its rivals do the same work, and what belongs to the data plane allocates nothing.</summary>
public sealed class SmokeTests
{
    public static TheoryData<string> Names()
    {
        TheoryData<string> names = [];
        foreach (Type type in SmokeRun.Types())
        {
            names.Add(type.Name);
        }
        return names;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_benchmark_does_the_same_work_as_its_rival(string name)
    {
        Type type = TypeOf(name);
        foreach (Dictionary<string, object?> parameters in SmokeRun.Parameters(type))
        {
            using SmokeRun smoke = new(type, parameters);
            foreach (IGrouping<string, MethodInfo> category in SmokeRun.Methods(type).GroupBy(SmokeRun.CategoryOf))
            {
                long[] answers = [.. category.Select(method => smoke.Run(method).Answer)];
                Assert.True(answers.Length > 1, $"{name} '{category.Key}' has no rival");
                Assert.All(answers, answer => Assert.Equal(answers[0], answer));
                Assert.NotEqual(-1, answers[0]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_data_plane_allocates_nothing_after_its_first_run(string name)
    {
        Type type = TypeOf(name);
        foreach (Dictionary<string, object?> parameters in SmokeRun.Parameters(type))
        {
            using SmokeRun smoke = new(type, parameters);
            foreach (MethodInfo method in SmokeRun.Methods(type))
            {
                if (method.GetCustomAttribute<DataPlaneAttribute>() is not null)
                {
                    smoke.Run(method);
                    Assert.Equal((method.Name, 0), (method.Name, smoke.Run(method).AllocatedBytes));
                }
            }
        }
    }

    [Fact]
    public void Each_category_has_one_baseline()
    {
        foreach (Type type in SmokeRun.Types())
        {
            foreach (IGrouping<string, MethodInfo> category in SmokeRun.Methods(type).GroupBy(SmokeRun.CategoryOf))
            {
                Assert.Single(category, method => method.GetCustomAttribute<BenchmarkAttribute>()!.Baseline);
            }
        }
    }

    [Fact]
    public void Every_hot_piece_has_its_benchmark() =>
        Assert.Equal(
            [
                nameof(Batches),
                nameof(Buffers),
                nameof(Checksums),
                nameof(CompressedBatches),
                nameof(FetchPositions),
                nameof(FetchRequests),
                nameof(LogAppends),
                nameof(MetadataAnswers),
                nameof(MpscRings),
                nameof(OffsetIndexes),
                nameof(ProduceRequests),
                nameof(Purgatories),
                nameof(RequestTimers),
                nameof(SpscRings),
                nameof(TimerWheels),
            ],
            SmokeRun.Types().Select(type => type.Name)
        );

    private static Type TypeOf(string name) => SmokeRun.Types().Single(type => type.Name == name);
}
