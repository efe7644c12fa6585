namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>All that clients see of a broker's data, as sorted lines: what it is, whose, its value.</summary>
internal sealed class Description
{
    private const int DifferencesShown = 40;

    private Description(IReadOnlyList<string> lines) => Lines = lines;

    public IReadOnlyList<string> Lines { get; }

    public static Description Read(string file) => new(File.ReadAllLines(file));

    /// <summary>With further lines.</summary>
    public Description With(IEnumerable<string> lines) => new([.. Lines.Concat(lines).Order(StringComparer.Ordinal)]);

    public Description Where(Func<string, bool> isPart) => new([.. Lines.Where(isPart)]);

    public int Count(string beginning) => Lines.Count(line => line.StartsWith(beginning, StringComparison.Ordinal));

    /// <summary>Both are the same, or the failure shows what only one of them has.</summary>
    public void MustEqual(Description other, string what)
    {
        string[] missing = [.. Lines.Except(other.Lines).Select(line => "- " + line)];
        string[] extra = [.. other.Lines.Except(Lines).Select(line => "+ " + line)];
        Assert.True(
            missing.Length + extra.Length == 0,
            $"{what}: {missing.Length} lines are missing, {extra.Length} are new\n"
                + string.Join('\n', missing.Take(DifferencesShown).Concat(extra.Take(DifferencesShown)))
        );
    }
}
