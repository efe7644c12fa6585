using System.Globalization;
using System.Text.Json;
using Aot.Broker.Protocol.Generator;
using Aot.Broker.Protocol.Messages;
using Xunit.Abstractions;

namespace Aot.Broker.Protocol.Tests;

/// <summary>
/// Holds our schemas against the reference definitions, fact by fact: both sides become lists of lines, one per
/// message, structure and field, in the order of the wire.
/// </summary>
public sealed class SchemaReferenceTests(ITestOutputHelper output)
{
    private static readonly JsonDocumentOptions WithComments = new() { CommentHandling = JsonCommentHandling.Skip };

    [Fact]
    public void Every_schema_states_the_facts_of_the_reference()
    {
        if (Reference("schemas") is not { } folder)
        {
            return;
        }
        SortedDictionary<string, List<string>> expected = new(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFiles(folder, "*.json", SearchOption.AllDirectories))
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllText(path), WithComments);
            string area = new DirectoryInfo(path).Parent!.Name;
            expected.Add(area + "/" + Text(json.RootElement, "name"), ReferenceFacts(json.RootElement));
        }
        SortedDictionary<string, List<string>> actual = new(StringComparer.Ordinal);
        foreach ((string area, SchemaFile file) in SchemaFiles.All)
        {
            foreach (SchemaMessage message in file.Messages)
            {
                actual.Add(area + "/" + message.Name, OwnFacts(file, message));
            }
        }
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Keys, actual.Keys);
        foreach ((string name, List<string> facts) in expected)
        {
            Assert.Equal((name, string.Join("\n", facts)), (name, string.Join("\n", actual[name])));
        }
    }

    [Fact]
    public void The_table_of_apis_is_the_one_of_the_reference()
    {
        if (Reference("api-keys.csv") is not { } path)
        {
            return;
        }
        string[] lines = File.ReadAllLines(path);
        Assert.Equal(ApiKeys.Count, lines.Length - 1);
        foreach (string line in lines.Skip(1))
        {
            ApiKey key = (ApiKey)short.Parse(line.Split(',')[0], CultureInfo.InvariantCulture);
            string listeners = ApiKeys.Listeners(key) switch
            {
                ApiListeners.Broker => "BROKER",
                ApiListeners.Controller => "CONTROLLER",
                ApiListeners.Broker | ApiListeners.Controller => "BROKER+CONTROLLER",
                _ => "none",
            };
            string own =
                $"{(short)key},{ApiKeys.Name(key)},{ApiKeys.LowestVersion(key)},{ApiKeys.HighestStableVersion(key)},"
                + $"{ApiKeys.HighestVersion(key)},{listeners},{Lower(ApiKeys.IsForwardable(key))},{Lower(ApiKeys.IsClusterAction(key))}";
            Assert.Equal(line, own);
        }
    }

    private string? Reference(string name)
    {
        string? path = SchemaFiles.Reference is { } folder ? Path.Combine(folder, name) : null;
        if (path is null || !Path.Exists(path))
        {
            output.WriteLine($"skipped: the reference ({name}) is not present");
            return null;
        }
        return path;
    }

    private static List<string> ReferenceFacts(JsonElement root)
    {
        List<string> facts =
        [
            $"{Text(root, "type")} number={Text(root, "apiKey")} versions={Text(root, "validVersions")} "
                + $"flexible={Versions(root, "flexibleVersions")} unstable={Flag(root, "latestVersionUnstable")} "
                + $"listeners={Listeners(root)}",
        ];
        if (root.TryGetProperty("commonStructs", out JsonElement structs))
        {
            foreach (JsonElement common in structs.EnumerateArray())
            {
                facts.Add($"struct {Text(common, "name")} {Text(common, "versions")}");
                AddReferenceFields(facts, common, "  ");
            }
        }
        AddReferenceFields(facts, root, "");
        return facts;
    }

    private static void AddReferenceFields(List<string> facts, JsonElement holder, string indent)
    {
        if (!holder.TryGetProperty("fields", out JsonElement fields))
        {
            return;
        }
        foreach (JsonElement field in fields.EnumerateArray())
        {
            string name = Text(field, "name");
            string tagged = Versions(field, "taggedVersions");
            string versions = field.TryGetProperty("versions", out _) ? Text(field, "versions") : tagged;
            bool hasNull = Versions(field, "nullableVersions") != "none";
            facts.Add(
                $"{indent}{char.ToUpperInvariant(name[0])}{name[1..]} {Text(field, "type")} {versions} "
                    + $"nullable={Versions(field, "nullableVersions")} tag={Text(field, "tag")} tagged={tagged} "
                    + $"default={Default(Text(field, "type"), field, hasNull)} key={Flag(field, "mapKey")} "
                    + $"ignorable={Flag(field, "ignorable")} zerocopy={Flag(field, "zeroCopy")} "
                    + $"compact={Text(field, "flexibleVersions")} entity={Text(field, "entityType")}"
            );
            AddReferenceFields(facts, field, indent + "  ");
        }
    }

    private static List<string> OwnFacts(SchemaFile file, SchemaMessage message)
    {
        string kind = message.Kind switch
        {
            MessageKind.Request => "request",
            MessageKind.Response => "response",
            MessageKind.Record => "metadata",
            MessageKind.RecordKey => "coordinator-key",
            MessageKind.RecordValue => "coordinator-value",
            MessageKind.Header => "header",
            _ => "data",
        };
        List<string> listeners = [];
        if (message.Kind == MessageKind.Request && file.Api!.OnBroker)
        {
            listeners.Add("broker");
        }
        if (message.Kind == MessageKind.Request && file.Api!.OnController)
        {
            listeners.Add("controller");
        }
        List<string> facts =
        [
            $"{kind} number={(message.Number < 0 ? "" : message.Number)} versions={message.Versions} "
                + $"flexible={message.Flexible} unstable={Lower(message.LatestUnstable)} "
                + $"listeners={string.Join(",", listeners)}",
        ];
        foreach (SchemaStruct common in message.Structs)
        {
            facts.Add($"struct {common.Name} {common.Versions}");
            AddOwnFields(facts, common.Fields, "  ");
        }
        AddOwnFields(facts, message.Fields, "");
        return facts;
    }

    private static void AddOwnFields(List<string> facts, List<SchemaField> fields, string indent)
    {
        foreach (SchemaField field in fields)
        {
            facts.Add(
                $"{indent}{field.Name} {(field.IsArray ? "[]" : "")}{field.Type} {field.Versions} "
                    + $"nullable={field.Nullable} tag={(field.IsTagged ? field.Tag : "")} tagged={field.TagVersions} "
                    + $"default={field.Default} key={Lower(field.IsKey)} "
                    + $"ignorable={Lower(field.IsIgnorable)} zerocopy={Lower(field.IsZeroCopy)} "
                    + $"compact={(field.IsNeverCompact ? "none" : "")} entity={field.Entity}"
            );
            AddOwnFields(facts, field.Fields, indent + "  ");
        }
    }

    /// <summary>The default as our form writes it: nothing where it is the type's own.</summary>
    private static string Default(string type, JsonElement field, bool hasNull)
    {
        if (!field.TryGetProperty("default", out JsonElement value))
        {
            return "";
        }
        string text = value.ValueKind switch
        {
            // Only the word "null" is a default of null: for Kafka's generator a JSON null states nothing.
            JsonValueKind.Null => "",
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            _ => value.GetRawText(),
        };
        if (text.StartsWith("0x", StringComparison.Ordinal))
        {
            text = long.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture).ToString();
        }
        Assert.True(text != "null" || hasNull);
        return type switch
        {
            "bool" when text == "false" => "",
            "string" => text,
            _ when text == "0" => "",
            _ => text,
        };
    }

    /// <summary>A response has the listeners of its request; a few of the reference state them twice.</summary>
    private static string Listeners(JsonElement root) =>
        Text(root, "type") == "request" && root.TryGetProperty("listeners", out JsonElement listeners)
            ? string.Join(",", listeners.EnumerateArray().Select(one => one.GetString()).Order(StringComparer.Ordinal))
            : "";

    private static string Versions(JsonElement holder, string name) =>
        Text(holder, name) is { Length: > 0 } text ? text : "none";

    private static string Flag(JsonElement holder, string name) =>
        Lower(holder.TryGetProperty(name, out JsonElement value) && value.GetBoolean());

    private static string Lower(bool value) => value ? "true" : "false";

    private static string Text(JsonElement holder, string name) =>
        !holder.TryGetProperty(name, out JsonElement value) ? ""
        : value.ValueKind == JsonValueKind.String ? value.GetString()!
        : value.GetRawText();
}
