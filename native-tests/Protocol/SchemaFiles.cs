using Aot.Broker.Protocol.Generator;

namespace Aot.Broker.Protocol.Tests;

/// <summary>Our schemas, and the reference definitions where they are present.</summary>
internal static class SchemaFiles
{
    private static readonly Lazy<IReadOnlyList<(string Folder, SchemaFile File)>> Parsed = new(ParseAll);

    public static IReadOnlyList<(string Folder, SchemaFile File)> All => Parsed.Value;

    /// <summary>Every message that has a version.</summary>
    public static IEnumerable<SchemaMessage> Messages =>
        All.SelectMany(entry => entry.File.Messages).Where(message => !message.Versions.IsEmpty);

    public static SchemaMessage Message(string name) => Messages.Single(message => message.Name == name);

    /// <summary>The folder of the reference, or null: a checkout by itself does not have it.</summary>
    public static string? Reference
    {
        get
        {
            string? stated = Environment.GetEnvironmentVariable("AOT_BROKER_PEERS");
            List<string> places = stated is null ? [] : [stated, Path.Combine(stated, "..")];
            places.AddRange(Ancestors().Select(folder => Path.Combine(folder, "shared")));
            return places.Select(place => Path.Combine(place, "kafka")).FirstOrDefault(Directory.Exists);
        }
    }

    private static List<(string Folder, SchemaFile File)> ParseAll()
    {
        string schemas = Ancestors()
            .Select(folder => Path.Combine(folder, "src", "Aot.Broker.Protocol", "Schemas"))
            .First(Directory.Exists);
        return
        [
            .. Directory
                .EnumerateFiles(schemas, "*.kafka", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal)
                .Select(path => (new DirectoryInfo(path).Parent!.Name, SchemaParser.Parse(File.ReadAllText(path)))),
        ];
    }

    private static IEnumerable<string> Ancestors()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            yield return at.FullName;
        }
    }
}
