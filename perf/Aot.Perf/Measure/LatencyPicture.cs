using System.Globalization;
using System.Text;

namespace Aot.Perf.Measure;

/// <summary>A run as a picture (SVG 1.1): latency by percentile, both on logarithmic scales, and the worst of each second.</summary>
internal static class LatencyPicture
{
    private const double Width = 760;
    private const double PanelHeight = 240;
    private const double Left = 70;
    private const double Top = 40;
    private const double Gap = 70;
    private const double NinesMax = 5;

    public static string Draw(RunResult run)
    {
        double highest = Math.Max(10, run.Latencies.Max / 1e3);
        double lowest = Math.Max(0.1, run.Latencies.At(0.001) / 1e3);
        Scale latency = new(Math.Floor(Math.Log10(lowest)), Math.Ceiling(Math.Log10(highest)), PanelHeight);
        StringBuilder svg = new();
        svg.AppendLine(
            $"""<svg xmlns="http://www.w3.org/2000/svg" width="{Width + Left + 20}" height="{(2 * PanelHeight) + (2 * Gap) + Top}" font-family="sans-serif" font-size="12">"""
        );
        svg.AppendLine("""<rect width="100%" height="100%" fill="white"/>""");
        Text(svg, Left, 20, $"{run.Name}: latency in microseconds by percentile");
        Grid(svg, Top, latency);
        for (int nines = 0; nines <= NinesMax; nines++)
        {
            double x = Left + (Width * nines / NinesMax);
            Text(svg, x - 12, Top + PanelHeight + 16, nines == 0 ? "0" : $"{100 - (100 / Math.Pow(10, nines)):G7} %");
        }
        List<(double X, double Y)> curve = [];
        for (double nines = 0; nines <= NinesMax; nines += 0.02)
        {
            double value = run.Latencies.At(1 - Math.Pow(10, -nines)) / 1e3;
            curve.Add((Left + (Width * nines / NinesMax), Top + latency.Down(value)));
        }
        Line(svg, curve, "#1f6feb");
        double second = Top + PanelHeight + Gap;
        Text(svg, Left, second - 14, "each second: largest (red) and 99th percentile (blue), by time");
        Grid(svg, second, latency);
        Timeline(svg, second, latency, run.PerSecond, each => each.Max, "#d1242f");
        Timeline(svg, second, latency, run.PerSecond, each => each.P99, "#1f6feb");
        svg.AppendLine("</svg>");
        return svg.ToString();
    }

    private static void Timeline(
        StringBuilder svg,
        double top,
        Scale scale,
        IReadOnlyList<SecondOfRun> seconds,
        Func<SecondOfRun, long> of,
        string color
    )
    {
        List<(double X, double Y)> line = [];
        for (int i = 0; i < seconds.Count; i++)
        {
            double x = Left + (Width * i / Math.Max(1, seconds.Count - 1));
            line.Add((x, top + scale.Down(of(seconds[i]) / 1e3)));
        }
        Line(svg, line, color);
    }

    private static void Grid(StringBuilder svg, double top, Scale scale)
    {
        for (double power = scale.Low; power <= scale.High; power++)
        {
            double y = top + scale.Down(Math.Pow(10, power));
            svg.AppendLine(
                $"""<line x1="{Left}" x2="{Left + Width}" y1="{Number(y)}" y2="{Number(y)}" stroke="#d0d7de"/>"""
            );
            Text(svg, 8, y + 4, Math.Pow(10, power).ToString("G7", CultureInfo.InvariantCulture));
        }
    }

    private static void Line(StringBuilder svg, List<(double X, double Y)> points, string color)
    {
        svg.Append("<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"").Append(color).Append("\" points=\"");
        foreach ((double x, double y) in points)
        {
            svg.Append(Number(x)).Append(',').Append(Number(y)).Append(' ');
        }
        svg.AppendLine("\"/>");
    }

    private static void Text(StringBuilder svg, double x, double y, string text) =>
        svg.AppendLine($"""<text x="{Number(x)}" y="{Number(y)}">{text}</text>""");

    private static string Number(double value) => value.ToString("F1", CultureInfo.InvariantCulture);

    /// <summary>Powers of ten from the bottom to the top of a panel.</summary>
    private readonly record struct Scale(double Low, double High, double Height)
    {
        /// <summary>Below the top of the panel.</summary>
        public double Down(double value)
        {
            double part = (Math.Log10(Math.Max(value, Math.Pow(10, Low))) - Low) / Math.Max(1, High - Low);
            return Height * (1 - part);
        }
    }
}
