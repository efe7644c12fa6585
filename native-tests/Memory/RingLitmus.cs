using Aot.Broker.Linux;

namespace Aot.Broker.Memory.Tests;

/// <summary>What travels: who sent it, its number, and where its payload lies.</summary>
internal struct LitmusMessage
{
    public int Producer;
    public long Number;
    public LitmusPayload Payload;
}

/// <summary>Plain fields, written before the message is enqueued. No barrier but the ring's makes them visible.</summary>
internal sealed class LitmusPayload
{
    public long Number;
    public long Complement;
}

internal interface IRingUnderTest
{
    bool TryEnqueue(in LitmusMessage message);

    bool TryDequeue(out LitmusMessage message);
}

internal enum LitmusVerdict
{
    /// <summary>Everything arrived once, in order, with its payload, and the threads really met.</summary>
    Sound,

    /// <summary>Something was lost, doubled, out of order, or seen before it was written.</summary>
    Broken,

    /// <summary>Nothing wrong was seen, but the threads did not meet often enough for that to mean anything.</summary>
    Inconclusive,
}

/// <summary>
/// Runs producers and a consumer on real threads pinned to different CPUs, and looks for what a wrong barrier, a missing
/// check or a lost claim would show. Rounds go on until both sides have met often enough (the ring was seen full, and
/// seen empty, from different CPUs) or the rounds are used up.
/// </summary>
internal sealed class RingLitmus(Func<IRingUnderTest> makeRing, int capacity, int producerCount, int roundsMax = 60)
{
    private const int MessagesPerRound = 200_000;
    private const int RoundsMin = 5;
    private const long MeetingsMin = 200;

    /// <summary>Fruitless attempts in a row after which nobody can be on his way any more: each is a yield of the CPU.</summary>
    private const int FruitlessMax = 10_000_000;

    private long _seenFull;
    private long _seenEmpty;
    private int _cpusSeen;
    private string? _fault;

    public string Explanation =>
        $"{_fault ?? "no fault"}; full {_seenFull} times, empty {_seenEmpty} times, on {_cpusSeen} CPUs";

    public LitmusVerdict Run()
    {
        CpuSet cpus = Threads.GetAffinity().OrThrow("sched_getaffinity");
        for (int round = 0; round < roundsMax; round++)
        {
            RunRound(cpus);
            if (_fault is not null)
            {
                return LitmusVerdict.Broken;
            }
            bool haveMet = _seenFull >= MeetingsMin && _seenEmpty >= MeetingsMin && _cpusSeen >= 2;
            if (haveMet && round + 1 >= RoundsMin)
            {
                return LitmusVerdict.Sound;
            }
        }
        return LitmusVerdict.Inconclusive;
    }

    private void RunRound(CpuSet cpus)
    {
        IRingUnderTest ring = makeRing();
        using Barrier start = new(producerCount + 1);
        bool[] done = new bool[producerCount];
        int[] ranOn = new int[producerCount + 1];
        List<Thread> threads = [];
        for (int i = 0; i < producerCount; i++)
        {
            int me = i;
            threads.Add(
                new Thread(() =>
                {
                    ranOn[me] = Pin(cpus, me + 1);
                    start.SignalAndWait();
                    Produce(ring, me);
                    Volatile.Write(ref done[me], true);
                })
            );
        }
        threads.Add(
            new Thread(() =>
            {
                ranOn[producerCount] = Pin(cpus, 0);
                start.SignalAndWait();
                Consume(ring, done);
            })
        );
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        _cpusSeen = Math.Max(_cpusSeen, ranOn.Distinct().Count());
    }

    private void Produce(IRingUnderTest ring, int me)
    {
        // Twice the ring: a payload is written again only after the message that carried it was taken and looked at.
        LitmusPayload[] payloads = new LitmusPayload[(2 * capacity) + 2];
        for (int i = 0; i < payloads.Length; i++)
        {
            payloads[i] = new LitmusPayload();
        }
        int fruitless = 0;
        long full = 0;
        for (long number = 1; number <= MessagesPerRound && Volatile.Read(ref _fault) is null; number++)
        {
            LitmusPayload payload = payloads[number % payloads.Length];
            payload.Number = number;
            payload.Complement = ~number;
            LitmusMessage message = new()
            {
                Producer = me,
                Number = number,
                Payload = payload,
            };
            while (!ring.TryEnqueue(message))
            {
                full++;
                if (!GoOn(ref fruitless))
                {
                    return;
                }
            }
            fruitless = 0;
        }
        Interlocked.Add(ref _seenFull, full);
    }

    private void Consume(IRingUnderTest ring, bool[] done)
    {
        long[] last = new long[producerCount];
        int fruitless = 0;
        while (Volatile.Read(ref _fault) is null)
        {
            // Read before the look into the ring: then "empty" after "all are done" is final.
            bool allDone = AllDone(done);
            if (!ring.TryDequeue(out LitmusMessage message))
            {
                _seenEmpty++;
                if (allDone)
                {
                    break;
                }
                if (!GoOn(ref fruitless))
                {
                    return;
                }
                continue;
            }
            fruitless = 0;
            if (message.Payload is null)
            {
                Fault("an empty slot was taken");
            }
            else if (message.Number != last[message.Producer] + 1)
            {
                Fault($"producer {message.Producer}: {message.Number} came after {last[message.Producer]}");
            }
            else if (message.Payload.Number != message.Number || message.Payload.Complement != ~message.Number)
            {
                Fault($"producer {message.Producer}: payload {message.Payload.Number} in message {message.Number}");
            }
            last[message.Producer] = message.Number;
        }
        if (_fault is null && Array.Exists(last, number => number != MessagesPerRound))
        {
            Fault($"the last messages are lost: {string.Join(", ", last)} of {MessagesPerRound}");
        }
    }

    private static bool AllDone(bool[] done)
    {
        for (int i = 0; i < done.Length; i++)
        {
            if (!Volatile.Read(ref done[i]))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Lets others run now and then; false = the round is over or stuck.</summary>
    private bool GoOn(ref int fruitless)
    {
        if (++fruitless > FruitlessMax)
        {
            Fault("stuck: no progress on either side");
        }
        if (fruitless % 16 == 0)
        {
            Thread.Yield();
        }
        return Volatile.Read(ref _fault) is null;
    }

    private void Fault(string what) => Interlocked.CompareExchange(ref _fault, what, null);

    /// <summary>Returns the CPU on which the calling thread now runs.</summary>
    private static int Pin(CpuSet cpus, int nth)
    {
        Threads.PinTo(cpus.Nth(nth % cpus.Count)).OrThrow("sched_setaffinity");
        return Threads.CurrentCpu().OrThrow("sched_getcpu");
    }
}
