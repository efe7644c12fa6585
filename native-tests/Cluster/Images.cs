namespace Aot.Broker.Cluster.Tests;

internal static class Images
{
    public static MetadataImage Replay(MetadataImage image, IEnumerable<MetadataRecord> records)
    {
        MetadataDelta delta = new(image);
        int count = 0;
        foreach (MetadataRecord record in records)
        {
            delta.Replay(record);
            count++;
        }
        return delta.Apply(image.Offset + count, 1, 1);
    }

    /// <summary>All that an image holds, in one comparable form.</summary>
    public static string Text(MetadataImage image) =>
        string.Join(
            '\n',
            ImageRecords.Of(image).Select(record => Convert.ToHexString(MetadataRecordCodec.Encode(record)))
        );
}
