using System.Text;
using Aot.Broker.Base;
using Aot.Perf.Client;
using Aot.Perf.Measure;
using Aot.Perf.Records;

namespace Aot.Perf.Loads;

/// <summary>
/// The same loads on a stream of nats-server (JetStream, in files): one connection publishes, each message acknowledged when
/// it is in the stream; for end to end another one has the stream's messages pushed to it.
/// </summary>
internal static class NatsLoad
{
    private const long Second = 1_000_000_000;

    public static RunResult Produce(LoadPlan plan) => WithStream(plan, (loop, meter) => Run(loop, plan, meter, meter));

    public static RunResult EndToEnd(LoadPlan plan) =>
        WithStream(
            plan,
            (loop, meter) =>
            {
                long next = 0;
                using NatsConnection consumer = new(
                    loop,
                    plan.Broker,
                    payload =>
                    {
                        if (
                            !CheckedValue.TryRead(payload, out long sequence, out long due)
                            || CheckedValue.NumberOf(sequence) != next
                        )
                        {
                            throw new LoadException($"message {next} is changed, or another one came");
                        }
                        next++;
                        meter.Done(due, EventLoop.Now, 1, payload.Length);
                    }
                );
                string deliver = $"{plan.Topic}-deliver";
                consumer.Subscribe(deliver);
                consumer.Request(
                    $"$JS.API.CONSUMER.CREATE.{plan.Topic}",
                    $$$"""{"stream_name":"{{{plan.Topic}}}","config":{"deliver_subject":"{{{deliver}}}","ack_policy":"none","deliver_policy":"all"}}"""
                );
                Meter acknowledgements = new(plan.Meter with { IsQuiet = true, BrokerPid = 0 });
                Run(loop, plan, meter, acknowledgements);
            }
        );

    private static RunResult WithStream(LoadPlan plan, Action<EventLoop, Meter> run)
    {
        using EventLoop loop = new() { Spins = plan.Spins };
        using NatsConnection control = new(loop, plan.Broker, _ => { });
        control.Request(
            $"$JS.API.STREAM.CREATE.{plan.Topic}",
            $$"""{"name":"{{plan.Topic}}","subjects":["{{plan.Topic}}"],"storage":"file","num_replicas":1}"""
        );
        Meter meter = new(plan.Meter);
        run(loop, meter);
        RunResult result = meter.Finish("nats");
        control.Request($"$JS.API.STREAM.DELETE.{plan.Topic}", "");
        return result;
    }

    /// <summary>Publishes at the rate, or as fast as the answers come, so many under way at a time.</summary>
    private static void Run(EventLoop loop, LoadPlan plan, Meter clock, Meter acknowledged)
    {
        Queue<long> underWay = new();
        string inbox = $"_INBOX.{plan.Topic}";
        using NatsConnection producer = new(
            loop,
            plan.Broker,
            answer =>
            {
                if (answer.IndexOf("\"seq\""u8) < 0)
                {
                    throw new LoadException($"a message was answered with {Encoding.UTF8.GetString(answer)}");
                }
                acknowledged.Done(underWay.Dequeue(), EventLoop.Now, 1, plan.Shape.ValueBytes);
            }
        );
        producer.Subscribe(inbox);
        byte[] value = new byte[plan.Shape.ValueBytes];
        new Random(4).NextBytes(value.AsSpan(CheckedValue.HeaderBytes));
        uint payloadCrc = Crc32C.Compute(value.AsSpan(CheckedValue.HeaderBytes));
        byte[] message = NatsConnection.Message(plan.Topic, inbox, value, out int valueAt);
        double interval = plan.Rate > 0 ? Second / plan.Rate : 0;
        long number = 0;

        clock.Start();
        if (acknowledged != clock)
        {
            acknowledged.Start();
        }
        long now = EventLoop.Now;
        double nextDue = now;
        while (clock.Tick(now))
        {
            if (acknowledged != clock)
            {
                acknowledged.Tick(now);
            }
            while (underWay.Count < plan.InFlight && !producer.IsBehind && (interval == 0 || nextDue <= now))
            {
                long due = interval == 0 ? EventLoop.Now : (long)nextDue;
                CheckedValue.Write(message.AsSpan(valueAt), CheckedValue.Sequence(0, number++), due, payloadCrc);
                underWay.Enqueue(due);
                producer.Send(message);
                nextDue += interval;
            }
            long until = interval == 0 || nextDue <= now ? clock.NextTick : (long)nextDue;
            loop.Turn(Math.Min(until, clock.NextTick));
            now = EventLoop.Now;
        }
        long limit = EventLoop.Now + (30 * Second);
        while (underWay.Count > 0 && EventLoop.Now < limit)
        {
            loop.Turn(limit);
        }
    }
}
