namespace Aot.Broker.Base;

/// <summary>
/// Every bound of the broker that is not one of Kafka's settings, with where it comes from. What is a setting (frame
/// size, connections, segment size) has its default in the configuration's own table.
/// </summary>
public static class Limits
{
    /// <summary>Slots of a mailbox between two cores: a turn of 64 requests, each to 16 partitions of the other core.</summary>
    public const int MailboxSlots = 1024;

    /// <summary>Smallest pooled buffer: one page, so that a buffer never shares a page with another size class.</summary>
    public const int BufferBytesMin = 4 * 1024;

    /// <summary>Largest pooled buffer: <c>socket.request.max.bytes</c> (100 MiB) rounded up to a power of two.</summary>
    public const int BufferBytesMax = 128 * 1024 * 1024;

    /// <summary>Request bytes in flight in the whole process before sockets are no longer read.</summary>
    public const long InFlightBytesMax = 512L * 1024 * 1024;

    /// <summary>A turn of the loop that takes longer than this is counted and logged.</summary>
    public const int StallMilliseconds = 10;

    /// <summary>Characters of a topic name (Kafka's own bound: name, '-', partition and suffix stay under 255 bytes).</summary>
    public const int TopicNameLengthMax = 249;

    /// <summary>Decompressed bytes of one batch: a multiple of what Kafka's largest message may be by default.</summary>
    public const int DecompressedBytesMax = 256 * 1024 * 1024;

    /// <summary>
    /// Array elements and unknown tagged fields in one message: the partitions of ten clusters of Kafka's own upper size,
    /// and with about 100 bytes per element on our heap a bound of 100 MB for a hostile frame.
    /// </summary>
    public const int MessageElementsMax = 1024 * 1024;
}
