using Aot.Broker.Harness;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>Apache Kafka's tool for streams groups: what it shows, and that what is in the group outlives a kill.</summary>
[Trait("Io", "once")]
public sealed class StreamsGroupToolTests(ITestOutputHelper output)
{
    private const string Group = "application";

    [Fact]
    public void A_group_is_listed_described_kept_through_a_kill_and_deleted()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions { Set = ["group.streams.initial.rebalance.delay.ms=0"] }
        );
        KafkaTool kafka = new(broker);
        kafka.Run("topics", "--create", "--topic", "input", "--partitions", "2");
        using (WireClient client = broker.Connect())
        {
            Join(client);
        }
        Assert.Matches($"{Group} +Stable", kafka.Run("streams-groups", "--list", "--state"));
        string[] named = ["--describe", "--group", Group];
        Assert.Matches($"{Group} .*ACTIVE: 0:\\[0,1\\]", kafka.Run("streams-groups", [.. named, "--members"]));
        string state = kafka.Run("streams-groups", [.. named, "--state", "--verbose"]);
        Assert.Matches($"{Group} .* Stable +2 +2 +1", state);

        broker.Kill();
        broker.RestartInPlace();
        Assert.Equal(state, kafka.Run("streams-groups", [.. named, "--state", "--verbose"]));
        using (WireClient client = broker.Connect())
        {
            Assert.Equal(-1, Leave(client).MemberEpoch);
        }
        Assert.Contains("successful", kafka.Run("streams-groups", "--delete", "--group", Group));
        Assert.DoesNotContain(Group, kafka.Run("streams-groups", "--list"));
        broker.Stop();
    }

    private static void Join(WireClient client)
    {
        // The coordinator's topic is made when it is first asked for, and takes a moment to be there.
        Until.Holds(
            () =>
            {
                Call(client, ApiKey.FindCoordinator, 4, new FindCoordinatorRequest { CoordinatorKeys = [Group] });
                return Beat(
                    client,
                    new StreamsGroupHeartbeatRequest { RebalanceTimeoutMs = 60_000, Topology = Topology() }
                )
                    is { ErrorCode: 0, ActiveTasks.Count: 1 };
            },
            "the member has its tasks"
        );
    }

    private static StreamsGroupHeartbeatResponse Leave(WireClient client) =>
        Beat(client, new StreamsGroupHeartbeatRequest { MemberEpoch = -1 });

    private static StreamsGroupHeartbeatRequest.TopologyData Topology() =>
        new() { Epoch = 1, Subtopologies = [new() { SubtopologyId = "0", SourceTopics = ["input"] }] };

    private static StreamsGroupHeartbeatResponse Beat(WireClient client, StreamsGroupHeartbeatRequest request)
    {
        request.GroupId = Group;
        request.MemberId = "member";
        request.ProcessId = "process";
        request.ActiveTasks = [];
        request.StandbyTasks = [];
        request.WarmupTasks = [];
        WireReader reader = new(Call(client, ApiKey.StreamsGroupHeartbeat, 1, request));
        Assert.True(StreamsGroupHeartbeatResponse.TryRead(ref reader, 1, out StreamsGroupHeartbeatResponse response));
        return response;
    }

    /// <summary>The body of the answer of a flexible version.</summary>
    private static byte[] Call(WireClient client, ApiKey key, short version, IWireRequest request)
    {
        byte[] body = new byte[request.Measure(version)];
        WireWriter writer = new(body);
        request.Write(ref writer, version);
        byte[] answer = client.Exchange(WireClient.Request((short)key, version, 1, body, isFlexible: true));
        return answer[(sizeof(int) + 1)..];
    }
}
