using System.Linq;

namespace Aot.Broker.Protocol.Generator;

/// <summary>Writes the method that puts an object into bytes, and refuses what the version cannot carry.</summary>
public static class WriteEmitter
{
    public static void Emit(CodeText code, ClassPlan plan, bool isRoot)
    {
        using (code.Open($"{(isRoot ? "public" : "internal")} void Write(ref WireWriter writer, short version)"))
        {
            if (isRoot)
            {
                code.Line($"WireRules.RequireVersion(nameof({plan.Name}), version, LowestVersion, HighestVersion);");
            }
            if (plan.FlexibleExpression == "flexible")
            {
                code.Line($"bool flexible = version >= {plan.Flexible.Lowest};");
            }
            foreach (FieldPlan field in plan.Untagged)
            {
                EmitUntagged(code, plan, field);
            }
            EmitTags(code, plan);
        }
        foreach (FieldPlan field in plan.Tagged.Where(field => field.FixedBytes == 0))
        {
            code.Line();
            using (code.Open($"private void Write{field.Name}(ref WireWriter writer, short version)"))
            {
                EmitField(code, field);
            }
        }
    }

    private static void EmitUntagged(CodeText code, ClassPlan plan, FieldPlan field)
    {
        string? condition = FieldPlan.Condition(field.Versions, plan.Versions);
        if (condition == null)
        {
            EmitField(code, field);
            return;
        }
        using (code.Open($"if ({condition})"))
        {
            EmitField(code, field);
        }
        if (!field.Schema.IsIgnorable)
        {
            using (code.Open($"else if ({field.IsSetExpression})"))
            {
                EmitRefusal(code, plan, field);
            }
        }
    }

    private static void EmitRefusal(CodeText code, ClassPlan plan, FieldPlan field) =>
        code.Line($"WireRules.RefuseField(nameof({plan.Name}), nameof({field.Name}), version);");

    private static void EmitField(CodeText code, FieldPlan field)
    {
        string name = field.Name;
        string compact = field.CompactExpression;
        if (field.FixedBytes > 0)
        {
            code.Line($"writer.Write{field.WireName}({name});");
            return;
        }
        if (field.Schema.IsNullable && field.NullableExpression != "true")
        {
            using (code.Open($"if ({name} is null && {FieldPlan.Not(field.NullableExpression)})"))
            {
                code.Line($"WireRules.RefuseNull(nameof({field.Owner.Name}), nameof({name}), version);");
            }
        }
        if (field.Schema.IsArray && field.Element == null)
        {
            code.Line($"writer.Write{field.WireName}List({name}, {compact});");
        }
        else if (field.Schema.IsArray)
        {
            string count = field.IsNullable ? $"{name}?.Count ?? -1" : $"{name}.Count";
            code.Line($"writer.WriteCount({count}, {compact});");
            using (code.Open($"for (int i = 0; i < {name}{(field.IsNullable ? "?" : "")}.Count; i++)"))
            {
                code.Line($"{name}[i].Write(ref writer, version);");
            }
        }
        else if (field.Element == null)
        {
            code.Line($"writer.Write{(field.IsNullable ? "Nullable" : "")}{field.WireName}({name}, {compact});");
        }
        else if (field.Schema.IsNullable)
        {
            string tagged = field.Schema.IsTagged ? "Tagged" : "";
            code.Line($"writer.Write{tagged}Presence({name} is not null);");
            code.Line($"{name}?.Write(ref writer, version);");
        }
        else
        {
            code.Line($"{name}{(field.IsOptionalStruct ? "!" : "")}.Write(ref writer, version);");
        }
    }

    private static void EmitTags(CodeText code, ClassPlan plan)
    {
        if (!plan.HasTagSections)
        {
            return;
        }
        foreach (FieldPlan field in plan.Tagged.Where(field => !field.Schema.IsIgnorable))
        {
            string? condition = FieldPlan.Condition(field.Versions, plan.Versions);
            if (condition != null)
            {
                using (code.Open($"if ({FieldPlan.Not(condition)} && {field.IsSetExpression})"))
                {
                    EmitRefusal(code, plan, field);
                }
            }
        }
        if (!plan.Tagged.Any())
        {
            code.Line($"writer.WriteTags({plan.FlexibleExpression}, UnknownTags);");
            return;
        }
        if (plan.FlexibleExpression == "true")
        {
            EmitTagSection(code, plan);
            return;
        }
        using (code.Open("if (!flexible)"))
        {
            code.Line("WireWriterTags.RefuseTags(UnknownTags);");
            code.Line("return;");
        }
        EmitTagSection(code, plan);
    }

    /// <summary>A field that holds its default is not sent.</summary>
    private static void EmitTagSection(CodeText code, ClassPlan plan)
    {
        code.Line("uint known = 0;");
        foreach (FieldPlan field in plan.Tagged)
        {
            string? condition = FieldPlan.Condition(field.Versions, plan.Flexible);
            using (code.Open($"if ({(condition == null ? "" : condition + " && ")}{field.IsSetExpression})"))
            {
                code.Line($"known |= 1u << {field.Schema.Tag};");
            }
        }
        code.Line("writer.BeginTags(known, UnknownTags);");
        code.Line("int unknown = 0;");
        foreach (FieldPlan field in plan.Tagged)
        {
            int tag = field.Schema.Tag;
            using (code.Open($"if ((known & (1u << {tag})) != 0)"))
            {
                code.Line($"writer.WriteTagsBelow({tag}, UnknownTags, ref unknown);");
                if (field.FixedBytes > 0)
                {
                    code.Line($"writer.WriteTagHeader({tag}, {field.FixedBytes});");
                    code.Line($"writer.Write{field.WireName}({field.Name});");
                }
                else
                {
                    string size = "size" + field.Name;
                    code.Line($"WireWriter {size} = WireWriter.Measuring();");
                    code.Line($"Write{field.Name}(ref {size}, version);");
                    code.Line($"writer.WriteTagHeader({tag}, {size}.Position);");
                    code.Line($"Write{field.Name}(ref writer, version);");
                }
            }
        }
        code.Line("writer.WriteTagsBelow(uint.MaxValue, UnknownTags, ref unknown);");
    }
}
