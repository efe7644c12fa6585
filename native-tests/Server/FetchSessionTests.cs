using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Server.Fetch;

namespace Aot.Broker.Server.Tests;

/// <summary>The rules of incremental fetch sessions (KIP-227).</summary>
public sealed class FetchSessionTests
{
    private ulong _random = 41;

    [Fact]
    public void A_session_expects_epochs_one_after_the_other_and_begins_again_at_1()
    {
        FetchSessionCache cache = NewCache(10);
        FetchSession session = cache.TryCreate(usesTopicIds: true, nowMillis: 0)!;
        Assert.Equal(ErrorCode.None, cache.TryUse(session.Id, 1, true, 0, out _));
        Assert.Equal(ErrorCode.None, cache.TryUse(session.Id, 2, true, 0, out _));
        Assert.Equal(ErrorCode.InvalidFetchSessionEpoch, cache.TryUse(session.Id, 2, true, 0, out _));
        Assert.Equal(ErrorCode.None, cache.TryUse(session.Id, 3, true, 0, out _));
        Assert.Equal(1, FetchSession.NextEpoch(int.MaxValue));
        Assert.Equal(-1, FetchSession.NextEpoch(-1));
    }

    [Fact]
    public void A_session_that_is_not_there_or_speaks_of_topics_otherwise_is_refused()
    {
        FetchSessionCache cache = NewCache(10);
        FetchSession session = cache.TryCreate(usesTopicIds: false, nowMillis: 0)!;
        Assert.Equal(ErrorCode.FetchSessionIdNotFound, cache.TryUse(session.Id + 1, 1, false, 0, out _));
        Assert.Equal(ErrorCode.FetchSessionTopicIdError, cache.TryUse(session.Id, 1, true, 0, out _));
        cache.Remove(session.Id);
        Assert.Equal(ErrorCode.FetchSessionIdNotFound, cache.TryUse(session.Id, 1, false, 0, out _));
    }

    [Fact]
    public void A_full_cache_gives_no_session_until_one_was_idle_for_two_minutes()
    {
        FetchSessionCache cache = NewCache(2);
        FetchSession first = cache.TryCreate(true, nowMillis: 0)!;
        FetchSession second = cache.TryCreate(true, nowMillis: 10)!;
        Assert.Null(cache.TryCreate(true, nowMillis: FetchSessionCache.EvictAfterMillis));
        Assert.Equal(ErrorCode.None, cache.TryUse(first.Id, 1, true, nowMillis: 20, out _));
        Assert.NotNull(cache.TryCreate(true, nowMillis: 11 + FetchSessionCache.EvictAfterMillis));
        Assert.Equal(2, cache.Count);
        Assert.Equal(ErrorCode.FetchSessionIdNotFound, cache.TryUse(second.Id, 1, true, 0, out _));
    }

    [Fact]
    public void A_partition_with_data_goes_to_the_end()
    {
        FetchSession session = new(1, usesTopicIds: true);
        SessionPartition[] partitions = [.. Enumerable.Range(0, 4).Select(i => session.Get(Key(i), null))];
        session.MoveToEnd(partitions[1]);
        Assert.Equal([0, 2, 3, 1], Order(session));
        session.MoveToEnd(partitions[1]);
        Assert.Equal([0, 2, 3, 1], Order(session));
        session.Forget(Key(0));
        session.MoveToEnd(partitions[0]);
        Assert.Equal([2, 3, 1], Order(session));
        session.Forget(Key(1));
        session.Forget(Key(2));
        session.Forget(Key(3));
        Assert.Empty(Order(session));
        Assert.Equal(0, session.Count);
    }

    [Fact]
    public void Only_what_changed_is_told_and_after_an_error_everything()
    {
        SessionPartition partition = new(Key(0), null);
        Assert.True(partition.Tell(highWatermark: 5, logStartOffset: 0, isError: false));
        Assert.False(partition.Tell(5, 0, false));
        Assert.True(partition.Tell(6, 0, false));
        Assert.True(partition.Tell(6, 2, false));
        Assert.True(partition.Tell(6, 2, isError: true));
        Assert.True(partition.Tell(6, 2, false));
        Assert.False(partition.Tell(6, 2, false));
    }

    private FetchSessionCache NewCache(int slots) => new(slots, () => _random += 7);

    private static SessionKey Key(int partition) => new(null, new KafkaUuid(1, 2), partition);

    private static List<int> Order(FetchSession session)
    {
        List<int> order = [];
        for (SessionPartition? partition = session.First; partition is not null; partition = partition.Next)
        {
            order.Add(partition.Key.Partition);
        }
        return order;
    }
}
