namespace Aot.Broker.Protocol.Generator;

/// <summary>
/// Writes the method that names a record's fields to a visitor, as Apache Kafka's JSON form of records has them: fields
/// of the version in the order of the schema, a tagged field only where it is sent.
/// </summary>
public static class DescribeEmitter
{
    /// <summary>Only records and data that stand by themselves are shown to people; requests would make the binary larger.</summary>
    public static bool IsDescribed(SchemaMessage message) =>
        message.Kind is MessageKind.Record or MessageKind.RecordKey or MessageKind.RecordValue or MessageKind.Data;

    public static void Emit(CodeText code, ClassPlan plan)
    {
        using (code.Open("public void Describe(IFieldVisitor visitor, short version)"))
        {
            foreach (FieldPlan field in plan.Fields)
            {
                string? condition = FieldPlan.Condition(field.Versions, plan.Versions);
                if (field.Schema.IsTagged)
                {
                    condition = (condition == null ? "" : condition + " && ") + field.IsSetExpression;
                }
                if (condition == null)
                {
                    EmitField(code, field);
                    continue;
                }
                using (code.Open($"if ({condition})"))
                {
                    EmitField(code, field);
                }
            }
        }
    }

    private static void EmitField(CodeText code, FieldPlan field)
    {
        string name = field.Name;
        code.Line($"visitor.Name(\"{char.ToLowerInvariant(name[0])}{name.Substring(1)}\");");
        if (!field.Schema.IsArray)
        {
            EmitValue(code, field, name, field.IsNullable);
            return;
        }
        if (!field.IsNullable)
        {
            EmitArray(code, field);
            return;
        }
        using (code.Open($"if ({name} is null)"))
        {
            code.Line("visitor.Null();");
        }
        using (code.Open("else"))
        {
            EmitArray(code, field);
        }
    }

    private static void EmitArray(CodeText code, FieldPlan field)
    {
        code.Line("visitor.BeginArray();");
        using (code.Open($"foreach ({field.ElementType} element in {field.Name})"))
        {
            EmitValue(code, field, "element", isNullable: false);
        }
        code.Line("visitor.EndArray();");
    }

    private static void EmitValue(CodeText code, FieldPlan field, string value, bool isNullable)
    {
        if (field.Element == null)
        {
            code.Line($"visitor.{Method(field)}({value});");
            return;
        }
        if (!isNullable)
        {
            EmitObject(code, value);
            return;
        }
        using (code.Open($"if ({value} is null)"))
        {
            code.Line("visitor.Null();");
        }
        using (code.Open("else"))
        {
            EmitObject(code, value);
        }
    }

    private static void EmitObject(CodeText code, string value)
    {
        code.Line("visitor.BeginObject();");
        code.Line($"{value}.Describe(visitor, version);");
        code.Line("visitor.EndObject();");
    }

    private static string Method(FieldPlan field) =>
        field.Schema.Type switch
        {
            "bool" => "Bool",
            "float64" => "Real",
            "uuid" => "Uuid",
            "string" => "Text",
            "bytes" or "records" => "Bytes",
            _ => "Number",
        };
}
