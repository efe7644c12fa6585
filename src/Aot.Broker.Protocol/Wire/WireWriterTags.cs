using System.Numerics;
using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Wire;

/// <summary>
/// Writes sections of tagged fields. Known fields come from the message, unknown ones are those that a reader kept;
/// both leave in one ascending order of their numbers.
/// </summary>
public static class WireWriterTags
{
    /// <summary>A section without known fields; nothing at all where the version has no such sections.</summary>
    public static void WriteTags(ref this WireWriter writer, bool flexible, List<UnknownTag>? unknown)
    {
        if (!flexible)
        {
            RefuseTags(unknown);
            return;
        }
        writer.WriteUVarint((uint)(unknown?.Count ?? 0));
        int next = 0;
        writer.WriteTagsBelow(uint.MaxValue, unknown, ref next);
    }

    /// <summary>Opens a section that also has the known fields whose bits are set.</summary>
    public static void BeginTags(ref this WireWriter writer, uint known, List<UnknownTag>? unknown) =>
        writer.WriteUVarint((uint)(BitOperations.PopCount(known) + (unknown?.Count ?? 0)));

    /// <summary>Writes the unknown fields that come before a known one.</summary>
    public static void WriteTagsBelow(ref this WireWriter writer, uint tag, List<UnknownTag>? unknown, ref int next)
    {
        for (; unknown is not null && next < unknown.Count && unknown[next].Tag <= tag; next++)
        {
            UnknownTag field = unknown[next];
            if ((field.Tag == tag && tag != uint.MaxValue) || (next > 0 && unknown[next - 1].Tag >= field.Tag))
            {
                throw new InvalidOperationException($"the unknown tagged field {field.Tag} does not fit in its order");
            }
            writer.WriteTagHeader(field.Tag, field.Bytes.Length);
            writer.WriteSpan(field.Bytes);
        }
    }

    [HotPath]
    public static void WriteTagHeader(ref this WireWriter writer, uint tag, int size)
    {
        writer.WriteUVarint(tag);
        writer.WriteUVarint((uint)size);
    }

    /// <summary>Unknown fields cannot be carried in a version without tagged fields.</summary>
    public static void RefuseTags(List<UnknownTag>? unknown)
    {
        if (unknown is { Count: > 0 })
        {
            throw new InvalidOperationException("tagged fields are set, and this version cannot carry them");
        }
    }
}
