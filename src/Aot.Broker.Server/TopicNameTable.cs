using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Cluster;

namespace Aot.Broker.Server;

/// <summary>A topic's name in the two forms that requests and images need.</summary>
internal sealed class TopicName(string text, byte[] utf8)
{
    private MetadataImage? _image;
    private TopicImage? _topic;

    public string Text => text;

    public byte[] Utf8 => utf8;

    /// <summary>The topic of this name, looked up once per image.</summary>
    [HotPath]
    public TopicImage? In(MetadataImage image)
    {
        if (!ReferenceEquals(_image, image))
        {
            _image = image;
            _topic = image.Topic(text);
        }
        return _topic;
    }
}

/// <summary>
/// The topic names that requests of this core named lately, so that reading a name from a frame allocates nothing after
/// the first time. Bounded: when it is full it starts again, and a name that no topic can have is never kept.
/// </summary>
internal sealed class TopicNameTable
{
    private const int NamesMax = 16 * 1024;

    private struct Entry
    {
        public uint Hash;
        public int Next;
        public TopicName Name;
    }

    private int[] _buckets = new int[256];
    private Entry[] _entries = new Entry[128];
    private int _count;

    [HotPath]
    public TopicName Get(ReadOnlySpan<byte> utf8)
    {
        uint hash = Hash(utf8);
        int at = _buckets[hash & (uint)(_buckets.Length - 1)] - 1;
        while (at >= 0)
        {
            ref Entry entry = ref _entries[at];
            if (entry.Hash == hash && utf8.SequenceEqual(entry.Name.Utf8))
            {
                return entry.Name;
            }
            at = entry.Next;
        }
        return AddSlow(utf8, hash);
    }

    private TopicName AddSlow(ReadOnlySpan<byte> utf8, uint hash)
    {
        TopicName name = new(Encoding.UTF8.GetString(utf8), utf8.ToArray());
        if (utf8.Length > Limits.TopicNameLengthMax)
        {
            return name;
        }
        if (_count == NamesMax)
        {
            Array.Clear(_buckets);
            Array.Clear(_entries);
            _count = 0;
        }
        if (_count == _entries.Length)
        {
            Grow();
        }
        Insert(name, hash);
        return name;
    }

    private void Insert(TopicName name, uint hash)
    {
        ref int bucket = ref _buckets[hash & (uint)(_buckets.Length - 1)];
        _entries[_count] = new Entry
        {
            Hash = hash,
            Name = name,
            Next = bucket - 1,
        };
        bucket = ++_count;
    }

    private void Grow()
    {
        Entry[] old = _entries;
        int count = _count;
        _entries = new Entry[2 * old.Length];
        _buckets = new int[4 * old.Length];
        _count = 0;
        for (int i = 0; i < count; i++)
        {
            Insert(old[i].Name, old[i].Hash);
        }
    }

    /// <summary>FNV-1a; the table is bounded, so a flood of colliding names costs its sender's own core some walks.</summary>
    private static uint Hash(ReadOnlySpan<byte> utf8)
    {
        uint hash = 2166136261;
        foreach (byte b in utf8)
        {
            hash = (hash ^ b) * 16777619;
        }
        return hash ^ (hash >> 15);
    }
}
