using System.Collections.Generic;
using System.Linq;

namespace Aot.Broker.Protocol.Generator;

/// <summary>Writes the class of one message: constants, properties, and the three public methods.</summary>
public static class MessageEmitter
{
    public static void Emit(CodeText code, SchemaMessage message)
    {
        ClassPlan root = ClassPlan.For(message);
        bool isDescribed = DescribeEmitter.IsDescribed(message);
        string contract =
            isDescribed ? $"IDescribedMessage<{root.Name}>"
            : message.Kind == MessageKind.Request ? "IWireRequest"
            : "IWireMessage";
        code.Line($"/// <summary>{Summary(message)}</summary>");
        using (code.Open($"public sealed class {root.Name} : {contract}"))
        {
            EmitConstants(code, message);
            EmitProperties(code, root);
            EmitTryRead(code, root);
            code.Line();
            using (code.Open("public int Measure(short version)"))
            {
                code.Line("WireWriter size = WireWriter.Measuring();");
                code.Line("Write(ref size, version);");
                code.Line("return size.Position;");
            }
            code.Line();
            WriteEmitter.Emit(code, root, isRoot: true);
            code.Line();
            ReadEmitter.Emit(code, root);
            if (isDescribed)
            {
                code.Line();
                code.Line($"public string MessageName => nameof({root.Name});");
                code.Line();
                DescribeEmitter.Emit(code, root);
            }
            foreach (ClassPlan nested in root.Nested.Where(nested => !nested.Versions.IsEmpty))
            {
                code.Line();
                using (code.Open($"public sealed class {nested.Name}"))
                {
                    EmitProperties(code, nested);
                    ReadEmitter.Emit(code, nested);
                    code.Line();
                    WriteEmitter.Emit(code, nested, isRoot: false);
                    if (isDescribed)
                    {
                        code.Line();
                        DescribeEmitter.Emit(code, nested);
                    }
                }
            }
        }
    }

    private static string Summary(SchemaMessage message)
    {
        string flexible = message.Flexible.IsEmpty ? "never flexible" : $"flexible in {message.Flexible}";
        string what = message.Kind switch
        {
            MessageKind.Request => $"Request of API {message.Number}",
            MessageKind.Response => $"Response of API {message.Number}",
            MessageKind.Record => $"Record of type {message.Number}",
            MessageKind.RecordKey => $"Key of record type {message.Number}",
            MessageKind.RecordValue => $"Value of record type {message.Number}",
            MessageKind.Header => "Header",
            _ => "Data",
        };
        return $"{what}, versions {message.Versions}, {flexible}.";
    }

    private static void EmitConstants(CodeText code, SchemaMessage message)
    {
        switch (message.Kind)
        {
            case MessageKind.Request:
            case MessageKind.Response:
                code.Line($"public const ApiKey Api = (ApiKey){message.Number};");
                break;
            case MessageKind.Record:
            case MessageKind.RecordKey:
            case MessageKind.RecordValue:
                code.Line($"public const short RecordType = {message.Number};");
                break;
            case MessageKind.Header:
            case MessageKind.Data:
            default:
                break;
        }
        VersionRange flexible = message.Flexible.And(message.Versions);
        code.Line($"public const short LowestVersion = {message.Versions.Lowest};");
        code.Line($"public const short HighestVersion = {message.Versions.Highest};");
        code.Line(
            $"public const short FlexibleSince = {(flexible.IsEmpty ? "short.MaxValue" : flexible.Lowest.ToString())};"
        );
        code.Line();
    }

    private static void EmitProperties(CodeText code, ClassPlan plan)
    {
        foreach (FieldPlan field in plan.Fields)
        {
            code.Line($"public {field.PropertyType} {field.Name} {{ get; set; }}{field.Initializer}");
        }
        if (plan.HasTagSections)
        {
            code.Line("public List<UnknownTag>? UnknownTags { get; set; }");
        }
        if (plan.HasDefaultCheck)
        {
            IEnumerable<string> conditions = plan.Fields.Select(field => $"!({field.IsSetExpression})");
            code.Line();
            code.Line("/// <summary>Every field holds its default.</summary>");
            code.Line($"internal bool IsDefault => {string.Join(" && ", conditions)} && UnknownTags is null;");
        }
        code.Line();
    }

    private static void EmitTryRead(CodeText code, ClassPlan root)
    {
        using (code.Open($"public static bool TryRead(ref WireReader reader, short version, out {root.Name} message)"))
        {
            code.Line($"message = new {root.Name}();");
            using (code.Open("if (reader.AcceptVersion(version, LowestVersion, HighestVersion))"))
            {
                code.Line("message.Read(ref reader, version);");
            }
            code.Line("return reader.IsValid;");
        }
    }
}
