using System.Xml.Linq;
using Aot.Broker.Harness;

namespace Aot.Broker.Tidy.Tests;

public sealed class RoomTests
{
    /// <summary>Which rooms a room may use. References go down only, and this list only changes with a decision.</summary>
    private static readonly Dictionary<string, string[]> s_mayUse = new()
    {
        ["Base"] = [],
        ["Linux"] = ["Base"],
        // Memory maps its arenas by Linux' own declarations rather than by a second set of them.
        ["Memory"] = ["Base", "Linux"],
        // Protocol calls the compression libraries, which Linux declares beside the other foreign functions.
        ["Protocol"] = ["Base", "Memory", "Linux"],
        ["Reactor"] = ["Base", "Linux", "Memory"],
        ["Storage"] = ["Base", "Memory", "Reactor", "Protocol", "Linux"],
        ["Cluster"] = ["Base", "Memory", "Reactor", "Protocol", "Storage", "Linux"],
        ["Coordinators"] = ["Base", "Memory", "Reactor", "Protocol", "Storage", "Cluster", "Linux"],
        ["Server"] = ["Base", "Memory", "Reactor", "Protocol", "Storage", "Cluster", "Coordinators", "Linux"],
        [""] = ["Base", "Linux", "Memory", "Protocol", "Reactor", "Storage", "Cluster", "Coordinators", "Server"],
    };

    private static readonly string[] s_mayBeUnsafe = ["Linux", "Memory", "Reactor", "Storage"];

    private static string ShortName(string room) => room == "Aot.Broker" ? "" : room["Aot.Broker.".Length..];

    private static XDocument Project(string room) => XDocument.Parse(Sources.Read($"src/{room}/{room}.csproj"));

    [Fact]
    public void The_rooms_are_the_agreed_ones() =>
        Assert.Equal(
            s_mayUse.Keys.Order(StringComparer.Ordinal),
            Sources.Rooms.Select(ShortName).Order(StringComparer.Ordinal)
        );

    [Fact]
    public void References_between_rooms_go_down_only()
    {
        List<string> findings = [];
        foreach (string room in Sources.Rooms)
        {
            foreach (XElement reference in Project(room).Descendants("ProjectReference"))
            {
                string used = Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value);
                bool isGenerator = used.EndsWith(".Generator", StringComparison.Ordinal);
                if (!isGenerator && !s_mayUse[ShortName(room)].Contains(ShortName(used)))
                {
                    findings.Add($"{room} may not use {used}");
                }
            }
        }
        Sources.None(findings);
    }

    [Fact]
    public void Unsafe_code_is_allowed_only_where_the_machine_is_touched()
    {
        List<string> findings = [];
        foreach (string room in Sources.Rooms)
        {
            bool isAllowed = Project(room).Descendants("AllowUnsafeBlocks").Any(element => element.Value == "true");
            if (isAllowed && !s_mayBeUnsafe.Contains(ShortName(room)))
            {
                findings.Add($"{room} allows unsafe blocks");
            }
        }
        Sources.None(findings);
    }

    [Fact]
    public void Every_folder_of_src_is_on_the_map()
    {
        string map = Sources.Read("src/README.md");
        IEnumerable<string> folders = Sources
            .Files.Where(path => Sources.IsIn(path, "src"))
            .Select(path => path.Split('/'))
            .Where(parts => parts.Length > 2)
            .SelectMany(parts => parts.Length > 3 ? new[] { parts[1], $"{parts[1]}/{parts[2]}" } : [parts[1]])
            .Distinct();
        Sources.None(
            folders
                .Where(folder => !map.Contains(folder.Contains('/') ? $"`{folder.Split('/')[1]}/`" : $"`{folder}`"))
                .Select(folder => $"src/{folder} is not in src/README.md")
        );
    }

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        string solution = Sources.Read("Aot.Broker.sln");
        Sources.None(
            Sources
                .Files.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal))
                .Where(path => !solution.Contains(path.Replace('/', '\\')))
                .Select(path => $"{path} is not in Aot.Broker.sln")
        );
    }

    [Fact]
    public void The_top_level_stays_as_it_is()
    {
        HashSet<string> agreed =
        [
            "src",
            "native-tests",
            "bench",
            "perf",
            "Aot.Broker.sln",
            "build.sh",
            "README.md",
            "LICENSE",
        ];
        Sources.None(
            Sources
                .Files.Select(path => path.Split('/')[0])
                .Distinct()
                .Where(name => !name.StartsWith('.') && !agreed.Contains(name))
                .Select(name => $"{name} at the top level")
        );
        Assert.True(File.Exists(Path.Combine(Repository.Root, "LICENSE")));
    }
}
