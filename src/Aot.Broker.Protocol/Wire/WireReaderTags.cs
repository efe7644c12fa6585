using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Wire;

/// <summary>A tagged field that this version of the schema does not know: kept, and written back in its place.</summary>
public readonly record struct UnknownTag(uint Tag, byte[] Bytes);

/// <summary>The walk through one section of tagged fields; see <see cref="WireReaderTags.NextTag"/>.</summary>
public struct TagWalk
{
    internal uint Left;

    /// <summary>Where the current field must end, or -1 before the first.</summary>
    internal int End;

    /// <summary>Number of the current field.</summary>
    public uint Tag { get; internal set; }

    /// <summary>Bytes of the current field.</summary>
    public int Size { get; internal set; }
}

/// <summary>
/// Sections of tagged fields (KIP-482): a count, then number, size and bytes of each, ascending by number. A number
/// that does not ascend, a size beyond the source, and a field that does not fill its size fail the reader.
/// </summary>
public static class WireReaderTags
{
    /// <summary>Smallest tagged field: a byte of number and a byte of size.</summary>
    private const int TagBytesMin = 2;

    /// <summary>Opens a section.</summary>
    [HotPath]
    public static TagWalk ReadTags(ref this WireReader reader)
    {
        uint count = reader.ReadUVarint();
        if (count > (uint)(reader.Remaining / TagBytesMin))
        {
            reader.Fail();
            count = 0;
        }
        TagWalk tags = default;
        tags.Left = count;
        tags.End = -1;
        return tags;
    }

    /// <summary>Moves to the next field; the caller then reads exactly <see cref="TagWalk.Size"/> bytes.</summary>
    [HotPath]
    public static bool NextTag(ref this WireReader reader, ref TagWalk tags)
    {
        bool first = tags.End < 0;
        if (!first && reader.Position != tags.End)
        {
            reader.Fail();
        }
        if (tags.Left == 0 || !reader.IsValid)
        {
            return false;
        }
        tags.Left--;
        uint tag = reader.ReadUVarint();
        uint size = reader.ReadUVarint();
        if ((!first && tag <= tags.Tag) || size > (uint)reader.Remaining)
        {
            reader.Fail();
        }
        tags.Tag = tag;
        tags.Size = (int)size;
        tags.End = reader.Position + (int)size;
        return reader.IsValid;
    }

    /// <summary>Passes over a section.</summary>
    [HotPath]
    public static void SkipTags(ref this WireReader reader)
    {
        TagWalk tags = reader.ReadTags();
        while (reader.NextTag(ref tags))
        {
            reader.Skip(tags.Size);
        }
    }

    /// <summary>Passes over a section where the version has one.</summary>
    [HotPath]
    public static void SkipTags(ref this WireReader reader, bool flexible)
    {
        if (flexible)
        {
            reader.SkipTags();
        }
    }

    /// <summary>Keeps the current field as it is.</summary>
    public static List<UnknownTag>? KeepTag(ref this WireReader reader, in TagWalk tags, List<UnknownTag>? kept)
    {
        ReadOnlySpan<byte> bytes = reader.ReadSpan(tags.Size);
        if (!reader.IsValid || !reader.TakeElement())
        {
            return kept;
        }
        kept ??= [];
        kept.Add(new UnknownTag(tags.Tag, bytes.ToArray()));
        return kept;
    }

    /// <summary>Keeps a whole section; null when there is nothing in it or the version has none.</summary>
    public static List<UnknownTag>? ReadUnknownTags(ref this WireReader reader, bool flexible)
    {
        List<UnknownTag>? kept = null;
        if (flexible)
        {
            TagWalk tags = reader.ReadTags();
            while (reader.NextTag(ref tags))
            {
                kept = reader.KeepTag(tags, kept);
            }
        }
        return kept;
    }
}
