using System.Text;
using Aot.Broker.Harness;

namespace Aot.Broker.EndToEnd.Tests.Matrix;

/// <summary>
/// The last result of the whole matrix: kept beside the programs, a line per cell, and shown in README. Features are rows
/// there, since there are three times as many of them as clients.
/// </summary>
internal static class MatrixTable
{
    public const string Yes = "yes";
    public const string No = "no";
    public const string Failed = "FAILED";
    public const string OwnFault = "own fault";

    private const string Begin = "<!-- the client matrix: ./build.sh clients writes it -->";
    private const string End = "<!-- end of the client matrix -->";

    private static string ResultFile =>
        Path.Combine(Repository.Root, "native-tests", "EndToEnd", "clients", "matrix", "results.tsv");

    private static string ReadmeFile => Path.Combine(Repository.Root, "README.md");

    /// <summary>The cells by client and feature, as they were kept.</summary>
    public static Dictionary<(string Client, string Feature), string> Kept()
    {
        Dictionary<(string, string), string> cells = [];
        foreach (string line in File.ReadLines(ResultFile))
        {
            string[] parts = line.Split('\t');
            cells.Add((parts[0], parts[1]), parts[2]);
        }
        return cells;
    }

    public static void Keep(IReadOnlyDictionary<(string Client, string Feature), string> cells)
    {
        StringBuilder lines = new();
        foreach (MatrixClient client in MatrixClients.All)
        {
            foreach (MatrixFeature feature in MatrixFeatures.All)
            {
                if (cells.TryGetValue((client.Name, feature.Name), out string? cell))
                {
                    lines.Append($"{client.Name}\t{feature.Name}\t{cell}\n");
                }
            }
        }
        File.WriteAllText(ResultFile, lines.ToString());
        string readme = File.ReadAllText(ReadmeFile);
        (int start, int end) = Place(readme);
        File.WriteAllText(ReadmeFile, readme[..start] + Render(cells) + readme[end..]);
    }

    /// <summary>The table as README has it now.</summary>
    public static string Shown()
    {
        string readme = File.ReadAllText(ReadmeFile);
        (int start, int end) = Place(readme);
        return readme[start..end];
    }

    public static string Render(IReadOnlyDictionary<(string Client, string Feature), string> cells)
    {
        StringBuilder table = new("\n| |");
        foreach (MatrixClient client in MatrixClients.All)
        {
            table.Append($" {client.Name} |");
        }
        table.Append("\n|---|");
        table.Insert(table.Length, "---|", MatrixClients.All.Count);
        foreach (MatrixFeature feature in MatrixFeatures.All)
        {
            table.Append($"\n| {feature.Name} |");
            foreach (MatrixClient client in MatrixClients.All)
            {
                table.Append(
                    $" {cells.GetValueOrDefault((client.Name, feature.Name), "not tried").Replace("|", "/")} |"
                );
            }
        }
        return table.Append("\n\n").ToString();
    }

    private static (int Start, int End) Place(string readme)
    {
        int start = readme.IndexOf(Begin, StringComparison.Ordinal);
        int end = readme.IndexOf(End, StringComparison.Ordinal);
        return start >= 0 && end > start
            ? (start + Begin.Length + 1, end)
            : throw new HarnessException($"README.md has no place between '{Begin}' and '{End}'");
    }
}
