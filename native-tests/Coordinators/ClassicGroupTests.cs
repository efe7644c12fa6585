using Aot.Broker.Coordinators.Groups;

namespace Aot.Broker.Coordinators.Tests;

public class ClassicGroupTests
{
    private static ClassicMember Member(string id, string? instance = null, params string[] protocols) =>
        new()
        {
            MemberId = id,
            InstanceId = instance,
            ClientId = "client",
            ClientHost = "/127.0.0.1",
            RebalanceTimeoutMs = 1000,
            SessionTimeoutMs = 10_000,
            Protocols = [.. protocols.Select(p => new MemberProtocol(p, [1, 2]))],
        };

    [Fact]
    public void The_first_member_leads_until_it_goes()
    {
        ClassicGroup group = new("g");
        ClassicMember first = Member("a", null, "range");
        group.Add(first, "consumer");
        group.Add(Member("b", null, "range"), "consumer");
        Assert.True(group.IsLeader("a"));
        group.Remove(first);
        Assert.True(group.IsLeader("b"));
    }

    [Fact]
    public void The_protocol_is_the_one_that_all_know_and_most_prefer()
    {
        ClassicGroup group = new("g");
        group.Add(Member("a", null, "sticky", "range"), "consumer");
        group.Add(Member("b", null, "range", "sticky"), "consumer");
        group.Add(Member("c", null, "other", "range", "sticky"), "consumer");
        group.TransitionTo(ClassicGroupState.PreparingRebalance, 1);
        group.StartNextGeneration(2);
        Assert.Equal("range", group.ProtocolName);
        Assert.Equal(1, group.Generation);
        Assert.Equal(ClassicGroupState.CompletingRebalance, group.State);
    }

    [Fact]
    public void Nobody_without_a_common_protocol_is_accepted()
    {
        ClassicGroup group = new("g");
        group.Add(Member("a", null, "range"), "consumer");
        Assert.True(group.Accepts("consumer", [new MemberProtocol("range", [])]));
        Assert.False(group.Accepts("consumer", [new MemberProtocol("sticky", [])]));
        Assert.False(group.Accepts("connect", [new MemberProtocol("range", [])]));
    }

    [Fact]
    public void An_empty_group_wants_a_type_and_at_least_one_protocol()
    {
        ClassicGroup group = new("g");
        Assert.False(group.Accepts("", [new MemberProtocol("range", [])]));
        Assert.False(group.Accepts("consumer", []));
        Assert.True(group.Accepts("connect", [new MemberProtocol("sessioned", [])]));
    }

    [Fact]
    public void A_static_member_that_returns_keeps_its_place_and_its_lead()
    {
        ClassicGroup group = new("g");
        ClassicMember old = Member("old", "instance-1", "range");
        group.Add(old, "consumer");
        group.Add(Member("b", null, "range"), "consumer");
        group.ReplaceStatic(old, Member("new", "instance-1", "range"));
        Assert.True(group.IsLeader("new"));
        Assert.Equal("new", group.StaticMemberId("instance-1"));
        Assert.Equal(["new", "b"], group.Members.Select(m => m.MemberId));
        Assert.Null(group.Find("old"));
    }

    [Fact]
    public void A_generation_without_members_is_an_empty_group()
    {
        ClassicGroup group = new("g");
        ClassicMember only = Member("a", null, "range");
        group.Add(only, "consumer");
        group.TransitionTo(ClassicGroupState.PreparingRebalance, 1);
        group.Remove(only);
        group.StartNextGeneration(2);
        Assert.Equal(ClassicGroupState.Empty, group.State);
        Assert.Null(group.ProtocolName);
    }
}
