using System.Reflection;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Filters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

namespace Aot.Broker.Bench;

/// <summary>
/// How benchmarks are run: in this process, since a child build would need a package feed and as long as a build of the
/// whole project; short, since what is reported is the ratio to a rival that ran right beside it.
/// </summary>
internal static class BenchConfig
{
    /// <summary>So short that some iterations run through without being preempted on a machine that is not idle.</summary>
    private const double IterationMillis = 5;
    private const int Iterations = 60;
    private const int WarmupIterations = 8;

    public static bool IsBenchmark(Type type) =>
        type is { IsPublic: true, IsAbstract: false }
        && type.GetMethods().Any(method => method.GetCustomAttribute<BenchmarkAttribute>() is not null);

    public static ManualConfig Make(string artifacts, IReadOnlyList<string> words)
    {
        Job job = Job
            .Default.WithId("InProcess")
            .WithToolchain(InProcessEmitToolchain.Instance)
            .WithWarmupCount(WarmupIterations)
            .WithIterationCount(Iterations)
            .WithIterationTime(TimeInterval.FromMilliseconds(IterationMillis));
        if (BenchSize.IsSmoke)
        {
            job = job.WithWarmupCount(0).WithIterationCount(1).WithInvocationCount(1).WithUnrollFactor(1);
        }
        ManualConfig config = ManualConfig
            .CreateEmpty()
            .AddJob(job)
            .AddLogger(new ProgressLogger())
            .AddDiagnoser(new MemoryDiagnoser(new MemoryDiagnoserConfig(displayGenColumns: false)))
            .AddColumn(CategoriesColumn.Default, TargetMethodColumn.Method)
            .AddColumn(StatisticColumn.Median, StatisticColumn.Min, new MinRatioColumn())
            .AddColumnProvider(DefaultColumnProviders.Params, DefaultColumnProviders.Metrics)
            .AddExporter(MarkdownExporter.GitHub)
            .AddLogicalGroupRules(BenchmarkLogicalGroupRule.ByCategory, BenchmarkLogicalGroupRule.ByParams)
            .WithSummaryStyle(SummaryStyle.Default)
            .WithArtifactsPath(artifacts)
            .WithOptions(ConfigOptions.DisableLogFile);
        if (words.Count > 0)
        {
            config.AddFilter(
                new SimpleFilter(one =>
                    words.Any(word =>
                        $"{one.Descriptor.Type.FullName}.{one.Descriptor.WorkloadMethod.Name}".Contains(
                            word,
                            StringComparison.OrdinalIgnoreCase
                        )
                    )
                )
            );
        }
        return config;
    }

    /// <summary>One line per benchmark, and errors: the rest of the narration is not for a terminal.</summary>
    private sealed class ProgressLogger : ILogger
    {
        private const string Benchmark = "// Benchmark: ";

        public string Id => nameof(ProgressLogger);

        public int Priority => 0;

        public void Write(LogKind logKind, string text)
        {
            if (logKind == LogKind.Error)
            {
                Console.Error.Write(text);
            }
        }

        public void WriteLine() { }

        public void WriteLine(LogKind logKind, string text)
        {
            if (logKind == LogKind.Error)
            {
                Console.Error.WriteLine(text);
            }
            else if (text.StartsWith(Benchmark, StringComparison.Ordinal))
            {
                Console.Error.WriteLine(text[Benchmark.Length..]);
            }
        }

        public void Flush() { }
    }
}
