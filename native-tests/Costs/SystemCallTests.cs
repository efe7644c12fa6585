using Aot.Broker.Faults.Tests;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Costs.Tests;

/// <summary>
/// System calls per request, and bytes per call, as strace counts them over many requests of a broker of one core: numbers
/// that no other load on the machine changes. Bounds are what the broker does now; a change for the worse fails here.
/// </summary>
[Trait("Io", "once")]
public sealed class SystemCallTests(ITestOutputHelper output)
{
    private const string Topic = "counted";
    private const int Requests = 1000;
    private const int WarmUpRequests = 300;
    private const int Rounds = 20;
    private const int Clients = 64;

    /// <summary>
    /// Of all other calls together, for so many requests: checkpoints, the writer of the log, the next segment. A call that
    /// came with every request would be a thousand.
    /// </summary>
    private const int OthersMax = 200;

    /// <summary>A request costs one wait, the write of its batch, and its answer; with epoll it has to be received, too.</summary>
    [Theory]
    [InlineData("uring")]
    [InlineData("epoll")]
    public void A_produce_is_received_once_written_once_and_answered_once(string io)
    {
        if (Start(io) is not { } broker)
        {
            return;
        }
        using BrokerProcess running = broker;
        using WireClient client = broker.Connect();
        byte[] batch = Batches.Numbered(1, 0, 1, 1000);
        byte[] frame = RequestFrames.Produce(Topic, batch);
        Dictionary<string, CallCount> calls = Count(
            broker,
            Requests,
            WarmUpRequests,
            () => RequestFrames.Produce(client, frame)
        );

        ExpectCalls(calls, "pwritev", Requests);
        ExpectCalls(calls, "sendmsg", Requests);
        // Copies: every byte of a batch is written from where it was received to, once, and by nothing but this call.
        Assert.Equal((long)Requests * batch.Length, Take(calls, "pwritev").Results);
        Take(calls, "sendmsg");
        ExpectReceives(calls, io, Requests, Requests, (long)Requests * (frame.Length + sizeof(int)));
        ExpectFewOthers(calls, Requests);
        broker.Stop();
    }

    /// <summary>What is there at once is taken at once: a wait and a write serve many connections.</summary>
    [Theory]
    [InlineData("uring")]
    [InlineData("epoll")]
    public void Requests_of_64_connections_share_waits_and_writes(string io)
    {
        if (Start(io) is not { } broker)
        {
            return;
        }
        using BrokerProcess running = broker;
        List<WireClient> clients = [.. Enumerable.Range(0, Clients).Select(_ => broker.Connect())];
        byte[] batch = Batches.Numbered(1, 0, 1, 1000);
        byte[] frame = RequestFrames.Produce(Topic, batch);
        Dictionary<string, CallCount> calls = Count(
            broker,
            Rounds,
            1,
            () =>
            {
                // The requests of all are in their sockets before the broker sees the first.
                broker.Pause();
                Until.Holds(() => broker.IsPaused(), "all threads of the broker stand still");
                clients.ForEach(client => client.SendFrame(frame));
                broker.Resume();
                clients.ForEach(RequestFrames.ExpectProduced);
            }
        );
        clients.ForEach(client => client.Dispose());

        const int All = Rounds * Clients;
        // An entry into the ring hands over twenty completions at most, and a batch of completions is a write.
        int writesMax = io == "uring" ? Rounds * 4 : Rounds;
        CallCount writes = Take(calls, "pwritev");
        Assert.InRange(writes.Calls, Rounds, writesMax);
        Assert.Equal((long)All * batch.Length, writes.Results);
        ExpectCalls(calls, "sendmsg", All);
        Take(calls, "sendmsg");
        int waitsMax = io == "uring" ? Rounds * 5 : Rounds * 2;
        ExpectReceives(calls, io, waitsMax, All, (long)All * (frame.Length + sizeof(int)));
        ExpectFewOthers(calls, All);
        broker.Stop();
    }

    /// <summary>
    /// The records of a fetch go by sendfile, between what is in front of them in the answer and what is behind. What enters
    /// the process are heads of batches, to find where the records end; looks at the page cache say that no disk has to be
    /// waited for.
    /// </summary>
    [Theory]
    [InlineData("uring")]
    [InlineData("epoll")]
    public void A_fetch_sends_its_records_by_one_call_that_copies_nothing(string io)
    {
        if (Start(io) is not { } broker)
        {
            return;
        }
        using BrokerProcess running = broker;
        using WireClient client = broker.Connect();
        const int BytesMax = 64 * 1024;
        byte[] batch = Batches.Numbered(1, 0, 10, 1000);
        byte[] produce = RequestFrames.Produce(Topic, batch);
        for (int i = 0; i < 20; i++)
        {
            RequestFrames.Produce(client, produce);
        }
        byte[] fetch = RequestFrames.Fetch(Topic, 0, BytesMax);
        int recordBytes = RequestFrames.ReadFetch(client.Exchange(fetch)).Responses[0].Partitions[0].Records!.Length;
        Assert.InRange(recordBytes, BytesMax - batch.Length, BytesMax);
        Dictionary<string, CallCount> calls = Count(
            broker,
            Requests,
            WarmUpRequests,
            () => Assert.InRange(client.Exchange(fetch).Length, recordBytes, recordBytes + 200)
        );

        ExpectCalls(calls, "sendfile", Requests);
        Assert.Equal((long)Requests * recordBytes, Take(calls, "sendfile").Results);
        ExpectCalls(calls, "sendmsg", Requests * 2);
        Assert.InRange(Take(calls, "sendmsg").Results, 1, Requests * 200);
        CallCount reads = Take(calls, "pread64");
        Assert.InRange(reads.Calls, 0, Requests * 2);
        Assert.InRange(reads.Results, 0, Requests * 1000);
        // cachestat(2), which this strace may know by its number only.
        Assert.InRange(Take(calls, "cachestat").Calls + Take(calls, "syscall_0x1c3").Calls, 0, Requests * 3);
        ExpectReceives(calls, io, Requests, Requests, (long)Requests * (fetch.Length + sizeof(int)));
        ExpectFewOthers(calls, Requests);
        broker.Stop();
    }

    /// <summary>A broker of one core with the topic; null, with a line that says so, where this cannot be counted.</summary>
    private BrokerProcess? Start(string io)
    {
        if (!SystemCallTrace.IsPossible(output))
        {
            return null;
        }
        BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { Cores = 1, Io = io == "uring" ? "auto" : io });
        if (io == "uring" && !broker.ReadyLine.Contains("io_uring", StringComparison.Ordinal))
        {
            output.WriteLine("SKIPPED: there is no io_uring here");
            broker.Dispose();
            return null;
        }
        using KafkaConnection connection = new(broker);
        connection.CreateTopic(Topic, 1);
        return broker;
    }

    private static Dictionary<string, CallCount> Count(BrokerProcess broker, int times, int warmUp, Action act)
    {
        for (int i = 0; i < warmUp; i++)
        {
            act();
        }
        using SystemCallTrace trace = new(broker);
        for (int i = 0; i < times; i++)
        {
            act();
        }
        return trace.Stop();
    }

    private void ExpectCalls(Dictionary<string, CallCount> calls, string name, long expected)
    {
        CallCount count = calls.GetValueOrDefault(name);
        output.WriteLine($"{name}: {count.Calls} calls, sum of results {count.Results}");
        Assert.True(count.Calls == expected, $"{name} was called {count.Calls} times, not {expected}");
    }

    /// <summary>
    /// Waits and receives. A ring receives without a call of its own, and a wait in it may come back with nothing now and
    /// then; an epoll tells which sockets have something, and each is received from once, or twice where more may be there.
    /// </summary>
    private void ExpectReceives(Dictionary<string, CallCount> calls, string io, int waitsMax, int requests, long bytes)
    {
        CallCount received = Take(calls, "recvfrom");
        CallCount waits = io == "uring" ? Take(calls, "io_uring_enter") : Take(calls, "epoll_pwait2");
        output.WriteLine($"{waits.Calls} waits, {received.Calls} receives of {received.Results} bytes");
        if (io == "uring")
        {
            Assert.Equal(0, received.Calls);
            // One submission more with each request would be twice as many.
            Assert.InRange(waits.Calls, 1, waitsMax * 3 / 2);
        }
        else
        {
            Assert.InRange(received.Calls, requests, requests * 21 / 20);
            Assert.Equal(bytes, received.Results);
            Assert.InRange(waits.Calls + Take(calls, "epoll_wait").Calls, 1, waitsMax * 21 / 20);
        }
    }

    private void ExpectFewOthers(Dictionary<string, CallCount> calls, int requests)
    {
        string others = string.Join(", ", calls.Select(call => $"{call.Key} {call.Value.Calls}"));
        output.WriteLine($"others: {others}");
        Assert.True(calls.Values.Sum(count => count.Calls) <= OthersMax, $"with {requests} requests: {others}");
    }

    private static CallCount Take(Dictionary<string, CallCount> calls, string name) =>
        calls.Remove(name, out CallCount count) ? count : default;
}
