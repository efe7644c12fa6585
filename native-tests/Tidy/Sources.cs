using Aot.Broker.Harness;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Aot.Broker.Tidy.Tests;

/// <summary>The files of the checkout (those that git would keep), read and parsed once for all tests.</summary>
internal static class Sources
{
    internal static readonly CSharpParseOptions ParseOptions = new(
        LanguageVersion.Preview,
        preprocessorSymbols: ["DEBUG", "NET", "NET9_0_OR_GREATER", "NET10_0_OR_GREATER"]
    );
    private static readonly Lazy<string[]> s_files = new(ListFiles);
    private static readonly Lazy<Dictionary<string, SyntaxTree>> s_trees = new(() =>
        Files
            .Where(path => path.EndsWith(".cs", StringComparison.Ordinal))
            .ToDictionary(path => path, path => CSharpSyntaxTree.ParseText(Read(path), ParseOptions, path))
    );

    /// <summary>Paths from the top of the checkout, with '/'.</summary>
    public static IReadOnlyList<string> Files => s_files.Value;

    /// <summary>The C# files, by path.</summary>
    public static IReadOnlyDictionary<string, SyntaxTree> Trees => s_trees.Value;

    public static string Read(string path) => File.ReadAllText(Path.Combine(Repository.Root, path));

    /// <summary>The rooms: the names of the project folders of src, without the generator, which is a build tool.</summary>
    public static IReadOnlyList<string> Rooms { get; } =
    [
        .. Directory
            .GetDirectories(Path.Combine(Repository.Root, "src"))
            .Select(path => Path.GetFileName(path)!)
            .Where(name => !name.EndsWith(".Generator", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    public static bool IsIn(string path, string folder) => path.StartsWith(folder + "/", StringComparison.Ordinal);

    public static string Place(string path, SyntaxNode node) =>
        $"{path}:{node.GetLocation().GetLineSpan().StartLinePosition.Line + 1}";

    /// <summary>Fails with one finding per line.</summary>
    public static void None(IEnumerable<string> findings)
    {
        string[] all = [.. findings];
        Assert.True(all.Length == 0, $"{all.Length} finding(s):\n" + string.Join('\n', all));
    }

    private static string[] ListFiles()
    {
        ToolResult listed = Tool.Run(
            "git",
            ["-C", Repository.Root, "ls-files", "--cached", "--others", "--exclude-standard"]
        );
        string[] paths =
            listed.ExitCode == 0 ? listed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries) : Walk();
        return [.. paths.Where(path => File.Exists(Path.Combine(Repository.Root, path))).Distinct()];
    }

    /// <summary>Without git (an unpacked archive), the same folders less what builds leave.</summary>
    private static string[] Walk() =>
        [
            .. Directory
                .EnumerateFiles(Repository.Root, "*", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
                .Where(path =>
                    !path.Split('/').Any(part => part is "out" or "bin" or "obj" or "data" or ".git" or "node_modules")
                ),
        ];
}
