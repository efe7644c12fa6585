using System.Linq;

namespace Aot.Broker.Protocol.Generator;

/// <summary>Writes the method that fills a fresh object from bytes.</summary>
public static class ReadEmitter
{
    public static void Emit(CodeText code, ClassPlan plan)
    {
        using (code.Open("internal void Read(ref WireReader reader, short version)"))
        {
            if (plan.FlexibleExpression == "flexible")
            {
                code.Line($"bool flexible = version >= {plan.Flexible.Lowest};");
            }
            foreach (FieldPlan field in plan.Untagged)
            {
                string? condition = FieldPlan.Condition(field.Versions, plan.Versions);
                if (condition == null)
                {
                    EmitField(code, field);
                }
                else
                {
                    using (code.Open($"if ({condition})"))
                    {
                        EmitField(code, field);
                    }
                }
            }
            EmitTags(code, plan);
        }
    }

    private static void EmitField(CodeText code, FieldPlan field)
    {
        string name = field.Name;
        string compact = field.CompactExpression;
        string nullable = field.NullableExpression;
        if (field.Schema.IsArray)
        {
            EmitArray(code, field);
        }
        else if (field.Element != null)
        {
            EmitStruct(code, field);
        }
        else if (field.FixedBytes > 0)
        {
            code.Line($"{name} = reader.Read{field.WireName}();");
        }
        else
        {
            code.Line(
                nullable switch
                {
                    "false" => $"{name} = reader.Read{field.WireName}({compact});",
                    "true" => $"{name} = reader.ReadNullable{field.WireName}({compact});",
                    _ => $"{name} = reader.ReadNullable{field.WireName}({compact}, {nullable});",
                }
            );
        }
    }

    private static void EmitArray(CodeText code, FieldPlan field)
    {
        string name = field.Name;
        string arguments = $"{field.CompactExpression}, {field.NullableExpression}";
        string sure = field.IsNullable ? "" : "!";
        if (field.Element == null)
        {
            code.Line($"{name} = reader.Read{field.WireName}List({name}, {arguments}){sure};");
            return;
        }
        string left = char.ToLowerInvariant(name[0]) + name.Substring(1) + "Left";
        int bytesMin = field.Element.BytesMin();
        if (bytesMin < 1)
        {
            throw new SchemaException(field.Schema.Line, $"the elements of {name} can be empty");
        }
        code.Line($"int {left} = reader.ReadCount({arguments}, {bytesMin});");
        code.Line(
            field.IsNullable
                ? $"{name} = {left} < 0 ? null : new List<{field.ElementType}>({left});"
                : $"{name}.EnsureCapacity({left});"
        );
        using (code.Open($"for (; {left} > 0 && reader.IsValid; {left}--)"))
        {
            code.Line($"{field.ElementType} element = new();");
            code.Line("element.Read(ref reader, version);");
            code.Line($"{name}{(field.IsNullable ? "!" : "")}.Add(element);");
        }
    }

    private static void EmitStruct(CodeText code, FieldPlan field)
    {
        string name = field.Name;
        if (field.Schema.IsNullable)
        {
            string tagged = field.Schema.IsTagged ? "Tagged" : "";
            code.Line($"{name} = reader.Read{tagged}Presence() ? new() : null;");
            code.Line($"{name}?.Read(ref reader, version);");
            return;
        }
        if (field.IsOptionalStruct)
        {
            code.Line($"{name} = new();");
        }
        code.Line($"{name}.Read(ref reader, version);");
    }

    private static void EmitTags(CodeText code, ClassPlan plan)
    {
        if (!plan.HasTagSections)
        {
            return;
        }
        if (!plan.Tagged.Any())
        {
            code.Line($"UnknownTags = reader.ReadUnknownTags({plan.FlexibleExpression});");
            return;
        }
        if (plan.FlexibleExpression == "true")
        {
            EmitTagSwitch(code, plan);
            return;
        }
        using (code.Open("if (flexible)"))
        {
            EmitTagSwitch(code, plan);
        }
    }

    private static void EmitTagSwitch(CodeText code, ClassPlan plan)
    {
        code.Line("TagWalk tags = reader.ReadTags();");
        using (code.Open("while (reader.NextTag(ref tags))"))
        using (code.Open("switch (tags.Tag)"))
        {
            foreach (FieldPlan field in plan.Tagged)
            {
                string? condition = FieldPlan.Condition(field.Versions, plan.Flexible);
                code.Line($"case {field.Schema.Tag}:");
                using (code.Open())
                {
                    if (condition != null)
                    {
                        // The number is taken: another version gives it a meaning that this one does not have.
                        using (code.Open($"if ({FieldPlan.Not(condition)})"))
                        {
                            code.Line("reader.Fail();");
                            code.Line("break;");
                        }
                    }
                    EmitField(code, field);
                    code.Line("break;");
                }
            }
            code.Line("default:");
            using (code.Open())
            {
                code.Line("UnknownTags = reader.KeepTag(tags, UnknownTags);");
                code.Line("break;");
            }
        }
    }
}
