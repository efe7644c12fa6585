using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Share;

/// <summary>Acknowledgements of one partition in a request, and what came of them.</summary>
internal sealed class ShareAcknowledgement(SharePlace place)
{
    public SharePlace Place => place;

    public List<AcknowledgedBatch> Batches { get; } = [];

    public ErrorCode Error { get; set; }
}

/// <summary>Brings what a member says of records to the cores that own them: one call per core.</summary>
internal static class ShareCalls
{
    /// <summary>
    /// Takes a request's acknowledgements; done when all are saved or refused. What is wrong with them as such is found
    /// first, partition by partition.
    /// </summary>
    public static async Task AcknowledgeAsync(
        ServerCore server,
        ShareSessionKey member,
        List<ShareAcknowledgement> all,
        bool mayRenew
    )
    {
        List<ShareAcknowledgement>?[] byCore = new List<ShareAcknowledgement>?[server.Core.CoreCount];
        foreach (ShareAcknowledgement one in all)
        {
            one.Error = Check(server.Image, one, mayRenew);
            if (one.Error == ErrorCode.None && one.Batches.Count > 0)
            {
                (byCore[CoreOf(server, one.Place).Value] ??= []).Add(one);
            }
        }
        List<Task> calls = [];
        for (int core = 0; core < byCore.Length; core++)
        {
            if (byCore[core] is { } mine)
            {
                calls.Add(AcknowledgeOnAsync(server, new CoreIndex(core), member, mine));
            }
        }
        await CoreTasks.AllAsync(calls);
    }

    /// <summary>Gives back all that a member holds in these partitions; done when that is saved.</summary>
    public static async Task ReleaseAsync(ServerCore server, ShareSessionKey member, List<SharePlace> places)
    {
        List<SharePlace>?[] byCore = new List<SharePlace>?[server.Core.CoreCount];
        foreach (SharePlace place in places)
        {
            (byCore[CoreOf(server, place).Value] ??= []).Add(place);
        }
        List<Task> calls = [];
        for (int core = 0; core < byCore.Length; core++)
        {
            if (byCore[core] is { } mine)
            {
                calls.Add(
                    server.Core.CallAsync(
                        new CoreIndex(core),
                        async owner =>
                        {
                            SharePartitions partitions = owner.Get<ServerCore>().SharePartitions!;
                            List<Task> releases = [];
                            foreach (SharePlace place in mine)
                            {
                                releases.Add(
                                    partitions.ReleaseAsync(
                                        member.GroupId,
                                        member.MemberId,
                                        place.TopicId,
                                        place.Partition
                                    )
                                );
                            }
                            await CoreTasks.AllAsync(releases);
                        }
                    )
                );
            }
        }
        await CoreTasks.AllAsync(calls);
    }

    public static CoreIndex CoreOf(ServerCore server, in SharePlace place) =>
        PartitionPlacement.CoreOf(place.TopicId, place.Partition, server.Core.CoreCount);

    /// <summary>The results come back as a message, so no two cores write to the same object.</summary>
    private static async Task AcknowledgeOnAsync(
        ServerCore server,
        CoreIndex target,
        ShareSessionKey member,
        List<ShareAcknowledgement> mine
    )
    {
        ErrorCode[] errors = await server.Core.CallAsync(
            target,
            async owner =>
            {
                SharePartitions partitions = owner.Get<ServerCore>().SharePartitions!;
                List<Task<ErrorCode>> started = [];
                foreach (ShareAcknowledgement one in mine)
                {
                    started.Add(
                        partitions.AcknowledgeAsync(
                            member.GroupId,
                            member.MemberId,
                            one.Place.TopicId,
                            one.Place.Partition,
                            one.Batches
                        )
                    );
                }
                return await CoreTasks.AllAsync(started);
            }
        );
        for (int i = 0; i < mine.Count; i++)
        {
            mine[i].Error = errors[i];
        }
    }

    /// <summary>Batches in order without overlaps, with one type or one for each offset, and types that exist.</summary>
    private static ErrorCode Check(MetadataImage image, ShareAcknowledgement one, bool mayRenew)
    {
        long end = -1;
        foreach (AcknowledgedBatch batch in one.Batches)
        {
            if (
                batch.FirstOffset > batch.LastOffset
                || batch.FirstOffset < end
                || batch.Types.Count == 0
                || (batch.Types.Count > 1 && batch.LastOffset - batch.FirstOffset != batch.Types.Count - 1)
            )
            {
                return ErrorCode.InvalidRequest;
            }
            foreach (sbyte type in batch.Types)
            {
                AcknowledgeType most = mayRenew ? AcknowledgeType.Renew : AcknowledgeType.Reject;
                if (type < 0 || type > (sbyte)most)
                {
                    return ErrorCode.InvalidRequest;
                }
            }
            end = batch.LastOffset;
        }
        if (image.Topic(one.Place.TopicId) is not { } topic)
        {
            return ErrorCode.UnknownTopicId;
        }
        return topic.Partition(one.Place.Partition) is null ? ErrorCode.UnknownTopicOrPartition : ErrorCode.None;
    }
}
