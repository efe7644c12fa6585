using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// A committed record of <c>__consumer_offsets</c> on its way into a shard: the one place where the bytes of the groups with
/// members' records of their own (consumer, share and streams groups) are read. All of them are of version 0.
/// </summary>
internal readonly ref struct ReplayedRecord(
    short type,
    ReadOnlySpan<byte> keyBytes,
    ReadOnlySpan<byte> valueBytes,
    bool isTombstone
)
{
    private const short Version = 0;

    private readonly ReadOnlySpan<byte> _keyBytes = keyBytes;
    private readonly ReadOnlySpan<byte> _valueBytes = valueBytes;

    public short Type { get; } = type;

    /// <summary>Reads key and value, and gives them to <paramref name="apply"/>; a tombstone has no value. False: bytes that are none of it.</summary>
    public bool Read<TKey, TValue>(GroupShard shard, Action<GroupShard, TKey, TValue?> apply)
        where TKey : class, IDescribedMessage<TKey>
        where TValue : class, IDescribedMessage<TValue>
    {
        WireReader keys = new(_keyBytes);
        keys.ReadInt16();
        if (!TKey.TryRead(ref keys, Version, out TKey key))
        {
            return false;
        }
        TValue? value = null;
        if (!isTombstone)
        {
            WireReader values = new(_valueBytes);
            if (values.ReadInt16() != Version || !TValue.TryRead(ref values, Version, out value))
            {
                return false;
            }
        }
        apply(shard, key, value);
        return true;
    }
}
