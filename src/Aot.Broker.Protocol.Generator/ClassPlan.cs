using System;
using System.Collections.Generic;
using System.Linq;

namespace Aot.Broker.Protocol.Generator;

/// <summary>
/// What becomes of a message in C#: one class for it and one nested class for each of its structures, with the
/// versions that each can really occur in. Conditions that hold in all of those are left out of the code.
/// </summary>
public sealed class ClassPlan
{
    private const string ClashSuffix = "Data";

    public string Name = "";

    /// <summary>Versions of the message in which this structure occurs.</summary>
    public VersionRange Versions;
    public VersionRange Flexible;
    public readonly List<FieldPlan> Fields = [];

    /// <summary>Some field of this structure is sent only when it differs from a fresh object.</summary>
    public bool HasDefaultCheck;

    /// <summary>Only for the message itself.</summary>
    public readonly List<ClassPlan> Nested = [];

    public IEnumerable<FieldPlan> Untagged => Fields.Where(field => !field.Schema.IsTagged);

    public IEnumerable<FieldPlan> Tagged =>
        Fields.Where(field => field.Schema.IsTagged).OrderBy(field => field.Schema.Tag);

    public bool HasTagSections => !Flexible.IsEmpty;

    /// <summary>The expression that says whether a version is flexible.</summary>
    public string FlexibleExpression =>
        Flexible.IsEmpty ? "false"
        : Flexible.Covers(Versions) ? "true"
        : "flexible";

    public static ClassPlan For(SchemaMessage message)
    {
        Dictionary<string, ClassPlan> structs = [];
        ClassPlan root = new() { Name = message.Name, Versions = message.Versions };
        root.Flexible = message.Flexible.And(message.Versions);
        foreach (SchemaStruct common in message.Structs)
        {
            Declare(structs, root, common.Name, common.Versions.And(message.Versions), 0);
        }
        foreach (SchemaStruct common in message.Structs)
        {
            Fill(structs[common.Name], common.Fields, structs, root);
        }
        Fill(root, message.Fields, structs, root);
        foreach (ClassPlan nested in root.Nested)
        {
            bool Clashes() =>
                root.Fields.Concat(nested.Fields).Any(field => field.Schema.Name == nested.Name)
                || root.Nested.Any(other => other != nested && other.Name == nested.Name);
            while (Clashes())
            {
                nested.Name += ClashSuffix;
            }
        }
        return root;
    }

    /// <summary>The fewest bytes in which this structure can come, over all versions.</summary>
    public int BytesMin()
    {
        int fewest = int.MaxValue;
        for (int version = Versions.Lowest; version <= Versions.Highest; version++)
        {
            bool flexible = Flexible.Contains(version);
            int bytes = flexible ? 1 : 0;
            foreach (FieldPlan field in Untagged)
            {
                bytes += field.Versions.Contains(version) ? field.BytesMin(flexible) : 0;
            }
            fewest = Math.Min(fewest, bytes);
        }
        return fewest;
    }

    private static ClassPlan Declare(
        Dictionary<string, ClassPlan> structs,
        ClassPlan root,
        string name,
        VersionRange versions,
        int line
    )
    {
        if (structs.ContainsKey(name))
        {
            throw new SchemaException(line, $"the structure {name} is defined twice");
        }
        ClassPlan plan = new()
        {
            Name = name,
            Versions = versions,
            Flexible = root.Flexible.And(versions),
        };
        structs.Add(name, plan);
        root.Nested.Add(plan);
        return plan;
    }

    private static void Fill(
        ClassPlan plan,
        List<SchemaField> fields,
        Dictionary<string, ClassPlan> structs,
        ClassPlan root
    )
    {
        foreach (SchemaField field in fields)
        {
            VersionRange versions = field.Versions.And(plan.Versions);
            if (versions.IsEmpty)
            {
                // A field of versions that are no longer spoken.
                continue;
            }
            ClassPlan? element = null;
            if (field.IsStruct)
            {
                if (field.Fields.Count > 0)
                {
                    element = Declare(structs, root, field.Type, versions, field.Line);
                    Fill(element, field.Fields, structs, root);
                }
                else if (!structs.TryGetValue(field.Type, out element))
                {
                    throw new SchemaException(field.Line, $"there is no structure {field.Type}");
                }
            }
            FieldPlan added = new(field, versions, plan, element);
            added.Check();
            if (plan.Fields.Any(other => other.Schema.Name == field.Name))
            {
                throw new SchemaException(field.Line, $"the field {field.Name} is defined twice");
            }
            plan.Fields.Add(added);
            if (added.IsComparedWithDefault)
            {
                RequireDefaultCheck(element!);
            }
        }
    }

    private static void RequireDefaultCheck(ClassPlan plan)
    {
        plan.HasDefaultCheck = true;
        foreach (FieldPlan field in plan.Fields.Where(field => field.IsSingleStruct && !field.DefaultsToNull))
        {
            RequireDefaultCheck(field.Element!);
        }
    }
}
