using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server.Share;

/// <summary>
/// A share fetch in progress: its session, the acknowledgements that came with it, and one <see cref="ShareFetchPart"/> per core
/// that owns a partition of it.
/// </summary>
/// <remarks>
/// Owned by the core of the connection. Records are taken from one core after the other, because the limits of an answer
/// hold over all of them and what was taken is locked; when no core has any, all are watched at once, without taking. With
/// one core, which is the usual case, both are one visit.
/// </remarks>
internal sealed class ShareFetchWork(
    ServerCore server,
    RequestSlot slot,
    ShareFetchRequest request,
    ShareSessionKey member
) : IPendingWork
{
    private const short FirstWithRenewal = 2;

    /// <summary>How long the work of a connection that went away may stay, where nothing else wakes it.</summary>
    private const long LookMs = 500;

    private readonly MetadataImage _image = server.Image;
    private readonly ShareFetchAnswer _answer = new(
        server,
        server.SharePartitions!.Limits(member.GroupId).LockDurationMillis
    );
    private readonly List<ShareFetchPart> _parts = [];
    private readonly List<ShareAcknowledgement> _acknowledgements = [];
    private readonly bool _isRenewal = slot.Version >= FirstWithRenewal && request.IsRenewAck;
    private ShareSession? _session;
    private bool _isAbandoned;

    private Core Core => server.Core;

    public async Task RunAsync()
    {
        ReadAcknowledgements();
        ErrorCode error = Check(out string? message);
        if (error == ErrorCode.None)
        {
            error = await OpenSessionAsync();
        }
        if (error != ErrorCode.None)
        {
            Answer(error, message);
            return;
        }
        Task acknowledged = ShareCalls.AcknowledgeAsync(server, member, _acknowledgements, _isRenewal);
        bool isFinal = request.ShareSessionEpoch == ShareSession.FinalEpoch;
        if (!isFinal && !_isRenewal)
        {
            await FetchAsync();
        }
        await acknowledged;
        foreach (ShareAcknowledgement one in _acknowledgements)
        {
            Tell(one);
        }
        if (isFinal && _session is not null)
        {
            // What the member still holds is free when that is saved, which nobody waits for.
            _ = server.ShareSessions.CloseAsync(_session);
        }
        Answer(ErrorCode.None, null);
    }

    public void Abandon()
    {
        _isAbandoned = true;
        Collect();
    }

    public void OnAnswerGone()
    {
        foreach (ShareFetchPart part in _parts)
        {
            part.Release(Core);
        }
    }

    private void ReadAcknowledgements()
    {
        foreach (ShareFetchRequest.FetchTopic topic in request.Topics)
        {
            foreach (ShareFetchRequest.FetchPartition partition in topic.Partitions)
            {
                if (partition.AcknowledgementBatches.Count == 0)
                {
                    continue;
                }
                ShareAcknowledgement one = new(new SharePlace(topic.TopicId, partition.PartitionIndex));
                foreach (ShareFetchRequest.AcknowledgementBatch batch in partition.AcknowledgementBatches)
                {
                    one.Batches.Add(new AcknowledgedBatch(batch.FirstOffset, batch.LastOffset, batch.AcknowledgeTypes));
                }
                _acknowledgements.Add(one);
            }
        }
    }

    private ErrorCode Check(out string? message)
    {
        message = null;
        bool fetches =
            request.MaxBytes != 0 || request.MinBytes != 0 || request.MaxRecords != 0 || request.MaxWaitMs != 0;
        if (_isRenewal && fetches)
        {
            message = "A request that renews locks fetches nothing: its limits and its wait have to be 0.";
            return ErrorCode.InvalidRequest;
        }
        bool isFirst = request.ShareSessionEpoch == ShareSession.InitialEpoch;
        return isFirst && _acknowledgements.Count > 0 ? ErrorCode.InvalidRequest : ErrorCode.None;
    }

    /// <summary>
    /// Epoch 0 opens a session with these partitions, epoch -1 ends it without fetching, and any other continues it: the request
    /// then names only what changed.
    /// </summary>
    private async Task<ErrorCode> OpenSessionAsync()
    {
        if (request.ShareSessionEpoch == ShareSession.FinalEpoch)
        {
            _session = server.ShareSessions.Find(member);
            return _session is null ? ErrorCode.ShareSessionNotFound : ErrorCode.None;
        }
        ErrorCode error;
        if (request.ShareSessionEpoch == ShareSession.InitialEpoch)
        {
            (error, _session) = await server.ShareSessions.OpenAsync(member, slot.Connection.Id);
            if (error == ErrorCode.None && slot.Connection.IsClosing)
            {
                // Nobody else would end it.
                _ = server.ShareSessions.CloseAsync(_session!);
            }
        }
        else
        {
            error = server.ShareSessions.TryUse(member, request.ShareSessionEpoch, out _session);
        }
        if (error == ErrorCode.None && !Remember(_session!))
        {
            // The client begins anew, with what it needs.
            _ = server.ShareSessions.CloseAsync(_session!);
            error = ErrorCode.ShareSessionLimitReached;
        }
        if (error == ErrorCode.ShareSessionLimitReached)
        {
            // Else the client would come again at once, and again.
            await DelayAsync(Math.Max(request.MaxWaitMs, 0));
        }
        return error;
    }

    private async Task DelayAsync(int milliseconds)
    {
        long end = Core.NowMillis + milliseconds;
        while (!_isAbandoned && Core.NowMillis < end)
        {
            await Core.DelayAsync(Math.Min(end - Core.NowMillis, LookMs));
        }
    }

    /// <summary>False: the session has more partitions than it may have.</summary>
    private bool Remember(ShareSession session)
    {
        foreach (ShareFetchRequest.FetchTopic topic in request.Topics)
        {
            foreach (ShareFetchRequest.FetchPartition partition in topic.Partitions)
            {
                session.Add(new SharePlace(topic.TopicId, partition.PartitionIndex));
            }
        }
        foreach (ShareFetchRequest.ForgottenTopic topic in request.ForgottenTopicsData)
        {
            foreach (int partition in topic.Partitions)
            {
                session.Forget(new SharePlace(topic.TopicId, partition));
            }
        }
        return !session.HasTooManyUnknown(_image);
    }

    private async Task FetchAsync()
    {
        List<SharePlace> places = [];
        _session!.CopyTo(places);
        List<ShareFetchEntry> entries = [];
        foreach (SharePlace place in places)
        {
            entries.Add(Place(place));
        }
        int bytesMax = Math.Min(request.MaxBytes, server.Options.FetchBytesMax);
        if (request.MaxRecords > 0 && bytesMax > 0 && _parts.Count > 0 && !_isAbandoned)
        {
            long deadline = Core.NowMillis + Math.Max(request.MaxWaitMs, 0);
            await TakeAsync(
                new ShareFetchBudget(
                    request.MaxRecords,
                    Math.Min(request.MinBytes, bytesMax),
                    bytesMax,
                    deadline,
                    TakesRecords: true
                )
            );
        }
        bool isFirst = request.ShareSessionEpoch == ShareSession.InitialEpoch;
        foreach (ShareFetchEntry entry in entries)
        {
            Conclude(entry);
            bool isNews = _session.Tell(entry.Place, entry.Error != ErrorCode.None);
            if (isFirst || isNews || entry.Error != ErrorCode.None || entry.Item is { Length: > 0 })
            {
                _answer.Entries.Add(entry);
            }
        }
    }

    private ShareFetchEntry Place(SharePlace place)
    {
        ShareFetchEntry entry = new(place);
        TopicImage? topic = _image.Topic(place.TopicId);
        PartitionImage? partition = topic?.Partition(place.Partition);
        if (partition is null)
        {
            entry.Error = topic is null ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition;
            return entry;
        }
        if (partition.Leader != server.Options.NodeId)
        {
            entry.Error = ErrorCode.NotLeaderOrFollower;
            return entry;
        }
        entry.Item = new ShareFetchItem(place);
        PartOf(ShareCalls.CoreOf(server, place)).Items.Add(entry.Item);
        return entry;
    }

    private ShareFetchPart PartOf(CoreIndex core)
    {
        foreach (ShareFetchPart known in _parts)
        {
            if (known.Target == core)
            {
                return known;
            }
        }
        ShareFetchPart part = new(core)
        {
            Member = member,
            Mode = (AcquireMode)request.ShareAcquireMode,
            BatchSize = request.BatchSize,
            Isolation = server.SharePartitions!.Isolation(member.GroupId),
        };
        _parts.Add(part);
        return part;
    }

    private async Task TakeAsync(ShareFetchBudget budget)
    {
        if (_parts.Count == 1)
        {
            await VisitAsync(_parts[0], budget);
            return;
        }
        while (!_isAbandoned)
        {
            int records = 0;
            long bytes = 0;
            bool hasHope = false;
            foreach (ShareFetchPart part in _parts)
            {
                if (records < budget.RecordsMax && bytes < budget.BytesMax)
                {
                    await VisitAsync(
                        part,
                        budget with
                        {
                            RecordsMax = budget.RecordsMax - records,
                            BytesMax = (int)(budget.BytesMax - bytes),
                            DeadlineMillis = 0,
                        }
                    );
                    records += part.Records;
                    bytes += part.Records > 0 ? part.Bytes : 0;
                    hasHope |= !part.IsHopeless;
                }
            }
            // Abandoned meanwhile: nobody would end the wait.
            if (records > 0 || !hasHope || _isAbandoned || Core.NowMillis >= budget.DeadlineMillis)
            {
                return;
            }
            await WatchAsync(budget with { TakesRecords = false, BytesMin = 1 });
        }
    }

    /// <summary>Waits on all cores, until one of them has something.</summary>
    private async Task WatchAsync(ShareFetchBudget budget)
    {
        List<Task> visits = [];
        foreach (ShareFetchPart part in _parts)
        {
            visits.Add(VisitThenCollectAsync(part, budget));
        }
        await CoreTasks.AllAsync(visits);
    }

    private async Task VisitThenCollectAsync(ShareFetchPart part, ShareFetchBudget budget)
    {
        await VisitAsync(part, budget);
        Collect();
    }

    private void Collect()
    {
        foreach (ShareFetchPart part in _parts)
        {
            part.Collect(Core);
        }
    }

    private Task VisitAsync(ShareFetchPart part, ShareFetchBudget budget) =>
        Core.CallAsync(part.Target, async core => await part.FetchAsync(core.Get<ServerCore>(), budget));

    private void Conclude(ShareFetchEntry entry)
    {
        if (entry.Item is { Error: not ErrorCode.None } failed)
        {
            entry.Error = failed.Error;
        }
        if (
            entry.Error is ErrorCode.NotLeaderOrFollower or ErrorCode.FencedLeaderEpoch
            && server.Image.Topic(entry.Place.TopicId)?.Partition(entry.Place.Partition) is { } partition
        )
        {
            entry.TellsLeader = true;
            entry.LeaderId = partition.Leader;
            entry.LeaderEpoch = partition.LeaderEpoch;
        }
    }

    private void Tell(ShareAcknowledgement one)
    {
        foreach (ShareFetchEntry entry in _answer.Entries)
        {
            if (entry.Place == one.Place)
            {
                entry.AcknowledgeError = one.Error;
                return;
            }
        }
        _answer.Entries.Add(new ShareFetchEntry(one.Place) { AcknowledgeError = one.Error });
    }

    private void Answer(ErrorCode error, string? message)
    {
        if (_answer.TryWrite(slot, error, message))
        {
            slot.Finish();
        }
    }
}
