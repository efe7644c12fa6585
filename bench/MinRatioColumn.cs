using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Mathematics;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace Aot.Broker.Bench;

/// <summary>
/// The fastest iteration over that of the baseline. Whatever else runs on the machine only ever adds time, so of all
/// ratios this one suffers least from it.
/// </summary>
internal sealed class MinRatioColumn : IColumn
{
    public string Id => nameof(MinRatioColumn);

    public string ColumnName => "Ratio";

    public string Legend => "Fastest iteration / fastest iteration of the baseline";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Baseline;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        BenchmarkCase? baseline = summary.GetBaseline(summary.GetLogicalGroupKey(benchmarkCase));
        Statistics? own = summary[benchmarkCase]?.ResultStatistics;
        Statistics? other = baseline is null ? null : summary[baseline]?.ResultStatistics;
        return own is null || other is null ? "?" : (own.Min / other.Min).ToString("0.000");
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
        GetValue(summary, benchmarkCase);

    public override string ToString() => ColumnName;
}
