using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Perf.Client;
using Aot.Perf.Measure;

namespace Aot.Perf.Loads;

/// <summary>
/// Members of groups: they join all at once, and when nothing has changed for a while, they beat at a rate. Latency is each
/// heartbeat's from its due time; that of the joins is how long it took until the last change.
/// </summary>
internal static class GroupLoad
{
    private const long Second = 1_000_000_000;
    private const long BeatEvery = Second / 2;
    private const long LimitNanoseconds = 180 * Second;

    /// <summary>So many joins are sent before answers are looked at: the broker need not hold all at once.</summary>
    private const int JoinsAtOnce = 50;

    public static RunResult Run(LoadPlan plan) => Load.WithTopic(plan, () => RunMembers(plan));

    private static RunResult RunMembers(LoadPlan plan)
    {
        AwaitCoordinator(plan);
        using EventLoop loop = new() { Spins = plan.Spins };
        double? cpuBefore = ProcessUsage.Of(plan.Meter.BrokerPid)?.CpuSeconds;
        List<GroupMember> members = new(plan.Members);
        for (int i = 0; i < plan.Members; i++)
        {
            string group = $"{plan.Topic}-{i % plan.Groups}";
            members.Add(
                plan.GroupProtocol == GroupProtocol.Classic
                    ? new ClassicMember(loop, plan, group, i)
                    : new ConsumerMember(loop, plan, group, i)
            );
        }
        double settledSeconds = Settle(loop, members, (long)(plan.SettleSeconds * Second));
        double? cpuAfter = ProcessUsage.Of(plan.Meter.BrokerPid)?.CpuSeconds;

        Meter meter = new(plan.Meter);
        foreach (GroupMember member in members)
        {
            member.BeatAnswered = due => meter.Done(due, EventLoop.Now, 0, 0);
        }
        int joins = members.Sum(member => member.Joins);
        Beat(loop, meter, members, plan.Rate > 0 ? plan.Rate : 1000);
        Drain(loop, members);
        RunResult result = meter.Finish("groups");
        int unsettled = members.Count(member => !member.IsSettled);
        if (unsettled > 0 || members.Sum(member => member.Joins) != joins)
        {
            throw new LoadException(
                $"{unsettled} members are not settled any more, though nothing but heartbeats was sent"
            );
        }
        result.Extra["settledSeconds"] = settledSeconds;
        result.Extra["joins"] = joins;
        if (cpuAfter - cpuBefore is { } cpu)
        {
            result.Extra["settlingCpuSeconds"] = cpu;
        }
        members.ForEach(member => member.Leave());
        Drain(loop, members);
        return result;
    }

    /// <summary>Returns after how many seconds the last change was.</summary>
    private static double Settle(EventLoop loop, List<GroupMember> members, long quiet)
    {
        long start = EventLoop.Now;
        for (int i = 0; i < members.Count; i++)
        {
            members[i].Join();
            if (i % JoinsAtOnce == JoinsAtOnce - 1)
            {
                loop.Turn(EventLoop.Now);
            }
        }
        long nextBeat = EventLoop.Now + BeatEvery;
        while (true)
        {
            loop.Turn(nextBeat);
            long now = EventLoop.Now;
            if (now < nextBeat)
            {
                continue;
            }
            int settled = members.Count(member => member.IsSettled);
            long changed = members.Max(member => member.ChangedAt);
            if (settled == members.Count && now > changed + quiet)
            {
                Drain(loop, members);
                return (changed - start) / (double)Second;
            }
            if (now > start + LimitNanoseconds)
            {
                throw new LoadException($"{settled} of {members.Count} members are settled after three minutes");
            }
            foreach (GroupMember member in members.Where(member => !member.IsWaiting))
            {
                member.Beat(now);
            }
            nextBeat = now + BeatEvery;
        }
    }

    private static void Beat(EventLoop loop, Meter meter, List<GroupMember> members, double rate)
    {
        double interval = Second / rate;
        int next = 0;
        meter.Start();
        long now = EventLoop.Now;
        double nextDue = now;
        while (meter.Tick(now))
        {
            while (nextDue <= now && !members[next].IsWaiting)
            {
                members[next].Beat((long)nextDue);
                next = (next + 1) % members.Count;
                nextDue += interval;
            }
            // A member whose last answer is late holds up the others, and is charged with it.
            loop.Turn(nextDue <= now ? meter.NextTick : Math.Min((long)nextDue, meter.NextTick));
            now = EventLoop.Now;
        }
    }

    private static void Drain(EventLoop loop, List<GroupMember> members)
    {
        long limit = EventLoop.Now + LimitNanoseconds;
        while (members.Exists(member => member.IsWaiting))
        {
            loop.Turn(limit);
            if (EventLoop.Now > limit)
            {
                throw new LoadException("members wait for an answer for three minutes");
            }
        }
    }

    /// <summary>The first who asks for a coordinator makes its topic.</summary>
    private static void AwaitCoordinator(LoadPlan plan)
    {
        using Caller caller = new(plan.Broker);
        long limit = EventLoop.Now + LimitNanoseconds;
        while (EventLoop.Now < limit)
        {
            FindCoordinatorResponse found = caller.Call<FindCoordinatorResponse>(
                ApiKey.FindCoordinator,
                4,
                new FindCoordinatorRequest { CoordinatorKeys = [plan.Topic] },
                FindCoordinatorResponse.TryRead
            );
            if (found.Coordinators is [{ ErrorCode: 0 }])
            {
                return;
            }
        }
        throw new LoadException("there is no coordinator after three minutes");
    }
}
