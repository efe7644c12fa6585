using System.Text.RegularExpressions;
using Aot.Broker.Harness;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Xunit.Abstractions;

namespace Aot.Broker.Tidy.Tests;

public sealed class TextTests(ITestOutputHelper output)
{
    private const int LinesToNotice = 400;
    private const int LinesMax = 600;

    /// <summary>Files that are long for a reason that another file would not cure.</summary>
    private static readonly Dictionary<string, string> s_longWithReason = [];

    [Fact]
    public void Files_and_types_stay_within_a_readers_grasp()
    {
        List<string> findings = [];
        foreach ((string path, SyntaxTree tree) in Sources.Trees.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            int lines = tree.GetText().Lines.Count;
            if (lines > LinesToNotice)
            {
                output.WriteLine($"{path}: {lines} lines");
            }
            if (lines > LinesMax && !s_longWithReason.ContainsKey(path))
            {
                findings.Add($"{path}: {lines} lines, more than {LinesMax}: is a type missing?");
            }
        }
        IEnumerable<IGrouping<string, int>> types = Sources
            .Trees.Where(pair => Sources.IsIn(pair.Key, "src"))
            .SelectMany(pair =>
                pair.Value.GetRoot()
                    .DescendantNodes()
                    .OfType<TypeDeclarationSyntax>()
                    .Where(type => type.Parent is BaseNamespaceDeclarationSyntax)
                    .Select(type => (Name: $"{Path.GetDirectoryName(pair.Key)}/{type.Identifier.Text}", Length(type)))
            )
            .GroupBy(type => type.Name, type => type.Item2);
        foreach (IGrouping<string, int> type in types.Where(type => type.Sum() > LinesMax))
        {
            findings.Add($"{type.Key}: {type.Sum()} lines in {type.Count()} file(s), more than {LinesMax}");
        }
        Sources.None(findings);
    }

    [Fact]
    public void No_file_speaks_of_places_outside_of_the_project()
    {
        // Put together here so that this file does not contain them itself.
        string[] words =
        [
            "/" + "work/",
            "sub" + "agent",
            "api.nu" + "get.org",
            "registry.npm" + "js",
            "deb.deb" + "ian.org",
            "py" + "pi.org",
        ];
        Sources.None(FindWords(words, Sources.Files.Where(path => path != "LICENSE")));
    }

    [Fact]
    public void Nothing_is_left_for_later()
    {
        string[] words = ["NotImplemented" + "Exception", "TO" + "DO", "FIX" + "ME", "X" + "XX", "Ski" + "p = \""];
        Sources.None(FindWords(words, Sources.Trees.Keys));
    }

    [Fact]
    public void No_test_waits_by_the_clock()
    {
        string[] words = ["Thread.Sl" + "eep", "Task.Del" + "ay"];
        Sources.None(FindWords(words, Sources.Trees.Keys.Where(path => Sources.IsIn(path, "native-tests"))));
    }

    [Fact]
    public void The_sources_are_formatted()
    {
        Dictionary<string, string> environment = new() { ["MSBUILD_EXE_PATH"] = "", ["MSBuildSDKsPath"] = "" };
        Tool.Run("dotnet", ["tool", "restore"], environment: environment, workingDirectory: Repository.Root).Ok();
        ToolResult check = Tool.Run(
            "dotnet",
            ["csharpier", "check", "."],
            environment: environment,
            workingDirectory: Repository.Root
        );
        Assert.True(check.ExitCode == 0, "run ./build.sh format\n" + check.Output + check.Errors);
    }

    [Fact]
    public void No_binary_lies_among_the_sources()
    {
        List<string> findings = [];
        foreach (string path in Sources.Files)
        {
            using FileStream file = File.OpenRead(Path.Combine(Repository.Root, path));
            byte[] head = new byte[4];
            if (file.Read(head) == 4 && head is [0x7F, (byte)'E', (byte)'L', (byte)'F'])
            {
                findings.Add($"{path} is a program");
            }
            else if (file.Length > 1024 * 1024)
            {
                findings.Add($"{path} has {file.Length} bytes");
            }
        }
        Sources.None(findings);
    }

    private static int Length(SyntaxNode node)
    {
        FileLinePositionSpan span = node.GetLocation().GetLineSpan();
        return span.EndLinePosition.Line - span.StartLinePosition.Line + 1;
    }

    private static IEnumerable<string> FindWords(string[] words, IEnumerable<string> paths)
    {
        Regex any = new(string.Join('|', words.Select(Regex.Escape)));
        foreach (string path in paths)
        {
            string[] lines = Sources.Read(path).Split('\n');
            for (int i = 0; i < lines.Length; i++)
            {
                if (any.IsMatch(lines[i]))
                {
                    yield return $"{path}:{i + 1}: {lines[i].Trim()}";
                }
            }
        }
    }
}
