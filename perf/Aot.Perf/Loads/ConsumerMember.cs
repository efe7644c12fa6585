using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Perf.Client;

namespace Aot.Perf.Loads;

/// <summary>A member by KIP-848: it says that it has what it was given, until nothing new comes.</summary>
internal sealed class ConsumerMember(EventLoop loop, LoadPlan plan, string group, int number)
    : GroupMember(loop, plan, group, number)
{
    private const short Version = 1;
    private const int LeavingEpoch = -1;
    private const int RebalanceMs = 300_000;

    private readonly string _member = $"{group}-{number}";
    private byte[] _beat = [];
    private int _epoch;
    private bool _isLeaving;

    public override void Join()
    {
        IsSettled = false;
        Joins++;
        _epoch = 0;
        Send(
            new ConsumerGroupHeartbeatRequest
            {
                RebalanceTimeoutMs = RebalanceMs,
                SubscribedTopicNames = [Topic],
                TopicPartitions = [],
            }
        );
    }

    public override void Leave()
    {
        _isLeaving = true;
        _epoch = LeavingEpoch;
        Send(new ConsumerGroupHeartbeatRequest { RebalanceTimeoutMs = -1 });
    }

    protected override void SendBeat() => Send(_beat);

    protected override void OnAnswer(ReadOnlySpan<byte> frame)
    {
        var answer = Read<ConsumerGroupHeartbeatResponse>(
            frame,
            ApiKey.ConsumerGroupHeartbeat,
            Version,
            ConsumerGroupHeartbeatResponse.TryRead
        );
        ErrorCode error = (ErrorCode)answer.ErrorCode;
        if (_isLeaving)
        {
            return;
        }
        if (IsForLater(error))
        {
            Join();
            return;
        }
        if (error != ErrorCode.None)
        {
            throw new LoadException($"group {Group}, member {_member}: {error} {answer.ErrorMessage}");
        }
        IsSettled = answer.Assignment is null && answer.MemberEpoch == _epoch;
        if (answer.MemberEpoch != _epoch)
        {
            _epoch = answer.MemberEpoch;
            _beat = Frame(new ConsumerGroupHeartbeatRequest { RebalanceTimeoutMs = -1 });
        }
        if (answer.Assignment is { } assignment)
        {
            ConsumerGroupHeartbeatRequest confirmation = new()
            {
                RebalanceTimeoutMs = -1,
                TopicPartitions = [.. assignment.TopicPartitions.Select(Owned)],
            };
            Send(confirmation);
        }
    }

    private static ConsumerGroupHeartbeatRequest.TopicPartitionsData Owned(
        ConsumerGroupHeartbeatResponse.TopicPartitions topic
    ) => new() { TopicId = topic.TopicId, Partitions = topic.Partitions };

    private void Send(ConsumerGroupHeartbeatRequest request) => Send(Frame(request));

    private byte[] Frame(ConsumerGroupHeartbeatRequest request)
    {
        request.GroupId = Group;
        request.MemberId = _member;
        request.MemberEpoch = _epoch;
        return Caller.Frame(ApiKey.ConsumerGroupHeartbeat, Version, 0, request);
    }
}
