using System.Reflection;
using Aot.Broker.Bench;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

if (args is ["flushed-acks", ..])
{
    return FlushedAcks.Run(args.AsSpan(1));
}
if (args is ["append-tail", ..])
{
    return AppendTail.Run(args.AsSpan(1));
}

// Arguments: words, of which a benchmark's full name has to contain one (without regard to case); --artifacts DIRECTORY
// for the tables as files; --list to only name the benchmarks.
string artifacts = Path.Combine(Path.GetTempPath(), "aot-broker-bench");
bool isListing = false;
List<string> words = [];
for (int i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--artifacts" when i + 1 < args.Length:
            artifacts = args[++i];
            break;
        case "--list":
            isListing = true;
            break;
        default:
            words.Add(args[i]);
            break;
    }
}

ManualConfig config = BenchConfig.Make(artifacts, words);
BenchmarkRunInfo[] runs =
[
    .. Assembly
        .GetExecutingAssembly()
        .GetTypes()
        .Where(BenchConfig.IsBenchmark)
        .OrderBy(type => type.Name, StringComparer.Ordinal)
        .Select(type => BenchmarkConverter.TypeToBenchmarks(type, config))
        .Where(run => run.BenchmarksCases.Length > 0),
];
if (runs.Length == 0)
{
    Console.Error.WriteLine($"no benchmark has '{string.Join("' or '", words)}' in its name");
    return 2;
}
if (isListing)
{
    foreach (BenchmarkCase one in runs.SelectMany(run => run.BenchmarksCases))
    {
        Console.WriteLine(
            $"{one.Descriptor.Type.Name}.{one.Descriptor.WorkloadMethod.Name} {one.Parameters.DisplayInfo}"
        );
    }
    return 0;
}

string[] load = File.ReadAllText("/proc/loadavg").Split(' ');
Summary[] summaries = BenchmarkRunner.Run(runs);
bool isComplete = true;
foreach (Summary summary in summaries)
{
    Console.WriteLine();
    Console.WriteLine(summary.BenchmarksCases.FirstOrDefault()?.Descriptor.Type.Name);
    MarkdownExporter.Console.ExportToLog(summary, ConsoleLogger.Default);
    isComplete &= !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success);
}
Console.WriteLine();
Console.WriteLine(
    $"load average when this began: {load[0]} on {Environment.ProcessorCount} processors; tables: {artifacts}/results"
);
return isComplete ? 0 : 1;
