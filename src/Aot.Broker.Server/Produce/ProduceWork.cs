using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Connections;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Produce;

/// <summary>A topic of a produce request, in the order of the request.</summary>
internal struct ProduceTopic
{
    /// <summary>Null in versions that name topics by id.</summary>
    public TopicName? Name;
    public KafkaUuid Id;
    public int First;
    public int Count;
}

/// <summary>A partition of a produce request and its answer.</summary>
internal struct ProducePartition
{
    public int Index;

    /// <summary>Where its records lie, counted from the start of the body; length 0 also for null.</summary>
    public int RecordsOffset;
    public int RecordsLength;

    public ErrorCode Error;
    public long BaseOffset;
    public long AppendTimeMillis;
    public long LogStartOffset;
    public string? Message;
    public IReadOnlyList<BadRecord>? BadRecords;
    public int LeaderId;
    public int LeaderEpoch;
}

/// <summary>
/// A produce request in progress: read completely before anything is appended, its batches given to the cores of their logs
/// as one <see cref="ProduceShare"/> per core, answered when all shares are back. Pooled per core.
/// </summary>
internal sealed class ProduceWork(ServerCore server) : IPendingWork
{
    private const short FirstFlexible = 9;
    private const short FirstWithTopicIds = 13;
    private const short FirstWithRecordErrors = 8;
    private const short FirstWithLeaders = 10;
    private const short FirstWithAbortable = 11;
    private const short FirstWithImpliedPartitions = 12;

    private readonly ProduceShare?[] _shares = new ProduceShare?[server.Core.CoreCount];
    private ProduceTopic[] _topics = new ProduceTopic[4];
    private ProducePartition[] _partitions = new ProducePartition[8];
    private int _topicCount;
    private int _partitionCount;
    private short _acks;
    private int _timeoutMillis;
    private int _sharesOut;
    private TopicName? _transactionalId;

    public RequestSlot Slot { get; private set; } = null!;

    /// <summary>Reads the body; false when it is malformed, and then nothing was done.</summary>
    [HotPath]
    public bool TryRead(RequestSlot slot)
    {
        Slot = slot;
        _topicCount = 0;
        _partitionCount = 0;
        short version = slot.Version;
        bool flexible = version >= FirstFlexible;
        WireReader reader = new(slot.Body);
        ReadOnlySpan<byte> transactionalId = reader.ReadNullableStringBytes(flexible, out bool isNull);
        _transactionalId = isNull ? null : server.TopicNames.Get(transactionalId);
        _acks = reader.ReadInt16();
        _timeoutMillis = reader.ReadInt32();
        int topics = reader.ReadCount(flexible, nullable: false, elementBytesMin: 3);
        for (int t = 0; t < topics && reader.IsValid; t++)
        {
            ref ProduceTopic topic = ref AddTopic();
            if (version >= FirstWithTopicIds)
            {
                topic.Id = reader.ReadUuid();
                topic.Name = null;
            }
            else
            {
                topic.Id = default;
                topic.Name = server.TopicNames.Get(reader.ReadStringBytes(flexible));
            }
            topic.First = _partitionCount;
            topic.Count = reader.ReadCount(flexible, nullable: false, elementBytesMin: 5);
            for (int p = 0; p < topic.Count && reader.IsValid; p++)
            {
                ReadPartition(ref reader, flexible);
            }
            reader.SkipTags(flexible);
        }
        reader.SkipTags(flexible);
        return reader.IsValid;
    }

    /// <summary>Gives every batch to the core of its log. The answer follows when all are back, possibly from here.</summary>
    [HotPath]
    public void Start()
    {
        MetadataImage image = server.Image;
        bool knowsAcks = _acks is 0 or 1 or -1;
        for (int t = 0; t < _topicCount; t++)
        {
            ref ProduceTopic topic = ref _topics[t];
            TopicImage? found = topic.Name is null ? image.Topic(topic.Id) : topic.Name.In(image);
            for (int p = topic.First; p < topic.First + topic.Count; p++)
            {
                ref ProducePartition partition = ref _partitions[p];
                partition.Error = knowsAcks
                    ? Route(found, topic.Name is null, ref partition, p)
                    : ErrorCode.InvalidRequiredAcks;
            }
        }
        _sharesOut = 1;
        for (int i = 0; i < _shares.Length; i++)
        {
            if (_shares[i] is { } share)
            {
                _sharesOut++;
                share.Send();
            }
        }
        OneBack();
    }

    /// <summary>A share is back with its results.</summary>
    [HotPath]
    public void OnShareDone(ProduceShare share)
    {
        for (int i = 0; i < share.Count; i++)
        {
            ref ProduceItem item = ref share[i];
            ref ProducePartition partition = ref _partitions[item.Place];
            partition.Error = item.Error;
            partition.BaseOffset = item.BaseOffset;
            partition.AppendTimeMillis = item.AppendTimeMillis;
            partition.LogStartOffset = item.LogStartOffset;
            partition.Message = item.Message;
            partition.BadRecords = item.BadRecords;
        }
        _shares[share.Target.Value] = null;
        server.ReturnProduceShare(share);
        OneBack();
    }

    /// <summary>Nothing to hurry: appends are bounded by the time the request gave.</summary>
    public void Abandon() { }

    public void OnAnswerGone()
    {
        Slot = null!;
        server.ReturnProduceWork(this);
    }

    [HotPath]
    private void ReadPartition(ref WireReader reader, bool flexible)
    {
        int index = reader.ReadInt32();
        int length = reader.ReadNullableBytesSpan(flexible, out _).Length;
        int end = reader.Position;
        reader.SkipTags(flexible);
        ref ProducePartition partition = ref AddPartition();
        partition = default;
        partition.Index = index;
        partition.RecordsOffset = end - length;
        partition.RecordsLength = length;
        partition.BaseOffset = -1;
        partition.AppendTimeMillis = -1;
        partition.LogStartOffset = -1;
        partition.LeaderId = -1;
    }

    [HotPath]
    private ErrorCode Route(TopicImage? topic, bool isById, ref ProducePartition partition, int place)
    {
        PartitionImage? image = topic?.Partition(partition.Index);
        if (image is null)
        {
            return topic is null && isById ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition;
        }
        if (topic!.IsInternal && !IsAdminClient())
        {
            return ErrorCode.InvalidTopicException;
        }
        if (
            _transactionalId is null
            && IsTransactional(Slot.Body.Slice(partition.RecordsOffset, partition.RecordsLength))
        )
        {
            return ErrorCode.TransactionalIdAuthorizationFailed;
        }
        if (image.Leader != server.Options.NodeId)
        {
            partition.LeaderId = image.Leader;
            partition.LeaderEpoch = image.LeaderEpoch;
            return ErrorCode.NotLeaderOrFollower;
        }
        CoreIndex target = PartitionPlacement.CoreOf(topic.Id, partition.Index, server.Core.CoreCount);
        ProduceShare share = _shares[target.Value] ?? BeginShare(target);
        ref ProduceItem item = ref share.Add();
        item.TopicId = topic.Id;
        item.Partition = partition.Index;
        item.Place = place;
        nint address =
            server.Core.Buffers.Address(Slot.Frame.Buffer)
            + Slot.Frame.Offset
            + Slot.BodyOffset
            + partition.RecordsOffset;
        item.Source =
            target == server.Core.Index
                ? new BatchSource(address, partition.RecordsLength, Slot.Frame.Buffer)
                : BatchSource.HeldByCaller(address, partition.RecordsLength);
        return ErrorCode.None;
    }

    /// <summary>Only this client id may write to the topics of coordinators.</summary>
    private bool IsAdminClient() =>
        Slot.ClientIdLength > 0
        && Slot.FrameBytes.Slice(Slot.ClientIdOffset, Slot.ClientIdLength).SequenceEqual("__admin_client"u8);

    /// <summary>What the batch says of itself; the log checks whether it is one.</summary>
    [HotPath]
    private static bool IsTransactional(ReadOnlySpan<byte> records) =>
        records.Length > RecordBatchHeader.SizeInBytes
        && records[RecordBatchHeader.MagicAt] == RecordBatchHeader.CurrentMagic
        && (
            BinaryPrimitives.ReadInt16BigEndian(records[RecordBatchHeader.AttributesAt..])
            & RecordBatchHeader.TransactionalFlag
        ) != 0;

    [HotPath]
    private ProduceShare BeginShare(CoreIndex target)
    {
        ProduceShare share = server.TakeProduceShare();
        share.Begin(this, target, Slot.Version, _acks, _timeoutMillis);
        if (_transactionalId is not null)
        {
            share.SetTransaction(
                _transactionalId.Text,
                isImplied: Slot.Version >= FirstWithImpliedPartitions,
                knowsAbortable: Slot.Version >= FirstWithAbortable
            );
        }
        _shares[target.Value] = share;
        return share;
    }

    [HotPath]
    private void OneBack()
    {
        if (--_sharesOut > 0)
        {
            return;
        }
        if (_acks != 0)
        {
            Answer();
            return;
        }
        for (int i = 0; i < _partitionCount; i++)
        {
            if (_partitions[i].Error != ErrorCode.None)
            {
                Slot.FinishByClosing("closed: a produce with acks=0 failed, and closing is the only answer it can get");
                return;
            }
        }
        Slot.FinishWithoutAnswer();
    }

    [HotPath]
    private void Answer()
    {
        WireWriter measure = WireWriter.Measuring();
        Write(ref measure);
        if (!server.TryRentForAnswer(Slot, measure.Position, out BufferHandle head))
        {
            return;
        }
        WireWriter writer = new(server.Core.Buffers.Span(head)[..measure.Position]);
        writer.WriteInt32(measure.Position - sizeof(int));
        Write(ref writer, skipLength: true);
        Slot.OwnHead(head);
        Slot.AddHeadPiece(0, measure.Position);
        Slot.Finish();
    }

    [HotPath]
    private void Write(ref WireWriter writer, bool skipLength = false)
    {
        short version = Slot.Version;
        bool flexible = version >= FirstFlexible;
        if (!skipLength)
        {
            writer.WriteInt32(0);
        }
        writer.WriteInt32(Slot.CorrelationId);
        if (flexible)
        {
            writer.WriteUVarint(0);
        }
        bool tellsLeaders = false;
        writer.WriteCount(_topicCount, flexible);
        for (int t = 0; t < _topicCount; t++)
        {
            ref ProduceTopic topic = ref _topics[t];
            if (topic.Name is null)
            {
                writer.WriteUuid(topic.Id);
            }
            else
            {
                writer.WriteStringBytes(topic.Name.Utf8, flexible);
            }
            writer.WriteCount(topic.Count, flexible);
            for (int p = topic.First; p < topic.First + topic.Count; p++)
            {
                tellsLeaders |= WritePartition(ref writer, _partitions[p], version, flexible);
            }
            if (flexible)
            {
                writer.WriteUVarint(0);
            }
        }
        writer.WriteInt32(0);
        if (flexible)
        {
            if (tellsLeaders)
            {
                server.WriteNodeEndpoints(ref writer, Slot.Connection);
            }
            else
            {
                writer.WriteUVarint(0);
            }
        }
    }

    /// <summary>True when the entry names a leader, whose address then has to follow.</summary>
    [HotPath]
    private static bool WritePartition(
        ref WireWriter writer,
        in ProducePartition partition,
        short version,
        bool flexible
    )
    {
        writer.WriteInt32(partition.Index);
        writer.WriteInt16((short)partition.Error);
        writer.WriteInt64(partition.BaseOffset);
        writer.WriteInt64(partition.AppendTimeMillis);
        if (version >= 5)
        {
            writer.WriteInt64(partition.LogStartOffset);
        }
        if (version >= FirstWithRecordErrors)
        {
            int bad = partition.BadRecords?.Count ?? 0;
            writer.WriteCount(bad, flexible);
            for (int i = 0; i < bad; i++)
            {
                writer.WriteInt32(partition.BadRecords![i].Index);
                writer.WriteNullableString(partition.BadRecords[i].Message, flexible);
                if (flexible)
                {
                    writer.WriteUVarint(0);
                }
            }
            writer.WriteNullableString(partition.Message, flexible);
        }
        if (!flexible)
        {
            return false;
        }
        if (version < FirstWithLeaders || partition.Error != ErrorCode.NotLeaderOrFollower || partition.LeaderId < 0)
        {
            writer.WriteUVarint(0);
            return false;
        }
        writer.WriteUVarint(1);
        writer.WriteUVarint(0);
        writer.WriteUVarint(9);
        writer.WriteInt32(partition.LeaderId);
        writer.WriteInt32(partition.LeaderEpoch);
        writer.WriteUVarint(0);
        return true;
    }

    private ref ProduceTopic AddTopic()
    {
        if (_topicCount == _topics.Length)
        {
            Array.Resize(ref _topics, 2 * _topics.Length);
        }
        return ref _topics[_topicCount++];
    }

    private ref ProducePartition AddPartition()
    {
        if (_partitionCount == _partitions.Length)
        {
            Array.Resize(ref _partitions, 2 * _partitions.Length);
        }
        return ref _partitions[_partitionCount++];
    }
}
