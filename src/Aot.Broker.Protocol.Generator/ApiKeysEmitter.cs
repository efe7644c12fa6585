using System;
using System.Collections.Generic;
using System.Linq;

namespace Aot.Broker.Protocol.Generator;

/// <summary>What the table of APIs says about one of them.</summary>
public record struct ApiEntry(
    int Number,
    string Name,
    int Lowest,
    int Highest,
    bool LatestUnstable,
    int RequestFlexibleSince,
    int ResponseFlexibleSince,
    int Listeners,
    bool IsForwardable,
    bool IsClusterAction
);

/// <summary>Writes the enumeration of API keys and the table of what is known of each.</summary>
public static class ApiKeysEmitter
{
    private const int Never = sbyte.MaxValue;

    /// <summary>
    /// A client that does not know the broker yet must be able to read this answer, so its header stays in the
    /// first form in every version (KIP-511).
    /// </summary>
    private const string ResponseHeaderAlwaysFirst = "ApiVersions";

    public static ApiEntry? EntryOf(SchemaFile file)
    {
        if (file.Api is not { } api)
        {
            return null;
        }
        SchemaMessage request = file.Messages.Single(message => message.Kind == MessageKind.Request);
        SchemaMessage response = file.Messages.Single(message => message.Kind == MessageKind.Response);
        bool first = api.Name == ResponseHeaderAlwaysFirst;
        return new ApiEntry(
            api.Number,
            api.Name,
            request.Versions.Lowest,
            request.Versions.Highest,
            request.LatestUnstable,
            request.Flexible.IsEmpty ? Never : request.Flexible.Lowest,
            response.Flexible.IsEmpty || first ? Never : response.Flexible.Lowest,
            (api.OnBroker ? 1 : 0) | (api.OnController ? 2 : 0),
            api.IsForwardable,
            api.IsClusterAction
        );
    }

    public static void Emit(CodeText code, IReadOnlyList<ApiEntry> unordered)
    {
        List<ApiEntry> entries = [.. unordered.OrderBy(entry => entry.Number)];
        if (entries.Where((entry, index) => entry.Number != index).Any())
        {
            throw new SchemaException(0, "the numbers of the APIs have a gap or a double");
        }
        code.Line("/// <summary>The APIs of the protocol by their number on the wire.</summary>");
        using (code.Open("public enum ApiKey : short"))
        {
            foreach (ApiEntry entry in entries)
            {
                code.Line($"{entry.Name} = {entry.Number},");
            }
        }
        code.Line();
        code.Line("/// <summary>On which kinds of listener an API is served.</summary>");
        code.Line("[Flags]");
        using (code.Open("public enum ApiListeners : byte"))
        {
            code.Line("None = 0,");
            code.Line("Broker = 1,");
            code.Line("Controller = 2,");
        }
        code.Line();
        code.Line(
            "/// <summary>What the schemas say about each API; every method takes only keys that are known.</summary>"
        );
        using (code.Open("public static class ApiKeys"))
        {
            EmitTables(code, entries);
            EmitMethods(code, entries);
        }
    }

    private static void EmitTables(CodeText code, List<ApiEntry> entries)
    {
        code.Line("/// <summary>Keys are dense from 0.</summary>");
        code.Line($"public const int Count = {entries.Count};");
        code.Line();
        code.Line($"private const sbyte Never = {Never};");
        code.Line();
        void Table(string type, string name, Func<ApiEntry, int> value) =>
            code.Line($"private static ReadOnlySpan<{type}> {name} => [{string.Join(", ", entries.Select(value))}];");
        Table("sbyte", "Lowest", entry => entry.Lowest);
        Table("sbyte", "Highest", entry => entry.Highest);
        Table("sbyte", "RequestFlexibleSince", entry => entry.RequestFlexibleSince);
        Table("sbyte", "ResponseHeaderFlexibleSince", entry => entry.ResponseFlexibleSince);
        code.Line(
            "/// <summary>Bits 0 and 1: listeners; 2: newest version unstable; 3: forwardable; 4: cluster action.</summary>"
        );
        Table(
            "byte",
            "Traits",
            entry =>
                entry.Listeners
                | (entry.LatestUnstable ? 4 : 0)
                | (entry.IsForwardable ? 8 : 0)
                | (entry.IsClusterAction ? 16 : 0)
        );
        code.Line();
    }

    private static void EmitMethods(CodeText code, List<ApiEntry> entries)
    {
        void Method(string doc, string signature, string body)
        {
            code.Line($"/// <summary>{doc}</summary>");
            code.Line($"public static {signature} => {body};");
            code.Line();
        }
        Method(
            "Kafka has this API, though perhaps no version of it any more.",
            "bool IsKnown(ApiKey key)",
            "(ushort)key < Count"
        );
        Method(
            "The first version that is still spoken; 0 where none is.",
            "short LowestVersion(ApiKey key)",
            "Lowest[(int)key]"
        );
        Method(
            "The newest version, unstable or not; -1 where none is spoken any more.",
            "short HighestVersion(ApiKey key)",
            "Highest[(int)key]"
        );
        Method(
            "The newest version that is offered without unstable.api.versions.enable.",
            "short HighestStableVersion(ApiKey key)",
            "(short)(Highest[(int)key] - (IsLatestVersionUnstable(key) ? 1 : 0))"
        );
        Method(
            "The newest version may still change.",
            "bool IsLatestVersionUnstable(ApiKey key)",
            "(Traits[(int)key] & 4) != 0"
        );
        Method(
            "The version is between the lowest and the newest.",
            "bool IsSupported(ApiKey key, short version)",
            "version >= Lowest[(int)key] && version <= Highest[(int)key]"
        );
        Method(
            "The first version with compact forms and tagged fields; short.MaxValue when there is none.",
            "short FlexibleSince(ApiKey key)",
            "RequestFlexibleSince[(int)key] is var since && since == Never ? short.MaxValue : since"
        );
        Method(
            "Where the API is served.",
            "ApiListeners Listeners(ApiKey key)",
            "(ApiListeners)(Traits[(int)key] & 3)"
        );
        Method(
            "A broker passes the request on to the active controller.",
            "bool IsForwardable(ApiKey key)",
            "(Traits[(int)key] & 8) != 0"
        );
        Method(
            "Only nodes of the cluster may ask.",
            "bool IsClusterAction(ApiKey key)",
            "(Traits[(int)key] & 16) != 0"
        );
        Method(
            "2 with tagged fields, else 1; defined for versions beyond the newest too.",
            "short RequestHeaderVersion(ApiKey key, short version)",
            "RequestFlexibleSince[(int)key] is var since && since != Never && version >= since ? (short)2 : (short)1"
        );
        Method(
            "1 with tagged fields, else 0; always 0 for ApiVersions.",
            "short ResponseHeaderVersion(ApiKey key, short version)",
            "ResponseHeaderFlexibleSince[(int)key] is var since && since != Never && version >= since ? (short)1 : (short)0"
        );
        code.Line("/// <summary>Kafka's name of the API.</summary>");
        using (code.Open("public static string Name(ApiKey key)"))
        {
            code.Line("return key switch");
            code.Line("{");
            foreach (ApiEntry entry in entries)
            {
                code.Line($"    ApiKey.{entry.Name} => \"{entry.Name}\",");
            }
            code.Line("    _ => ((short)key).ToString(),");
            code.Line("};");
        }
    }
}
