using Aot.Broker.Cluster;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// A hash over names, ids and sizes of topics: equal as long as nothing changed that an assignor could see. 0 when none of
/// them exists.
/// </summary>
internal static class TopicsHash
{
    // FNV-1a over 64-bit words.
    private const ulong Start = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    public static long Of(IEnumerable<string> names, MetadataImage image)
    {
        ulong hash = 0;
        foreach (string name in names.Order(StringComparer.Ordinal))
        {
            if (image.Topic(name) is { } topic)
            {
                hash = hash == 0 ? Start : hash;
                hash = unchecked((hash ^ topic.Id.High) * Prime);
                hash = unchecked((hash ^ topic.Id.Low) * Prime);
                hash = unchecked((hash ^ (uint)topic.Partitions.Length) * Prime);
            }
        }
        return (long)hash;
    }
}
