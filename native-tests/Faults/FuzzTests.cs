using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Generator;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Tests;
using Aot.Broker.Protocol.Wire;
using Xunit.Abstractions;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// Every API that the broker offers in every version: valid requests at random, then damaged ones, for a fixed time. The
/// broker answers or closes, never dies, never logs a stack trace, and serves a normal client meanwhile and afterwards.
/// AOT_BROKER_FUZZ_SEED repeats the requests of a run, AOT_BROKER_FUZZ_SECONDS makes it longer.
/// </summary>
[Trait("Io", "once")]
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const int Threads = 3;
    private const int RecentFrames = 6;
    private const int HexBytesMax = 4000;

    /// <summary>No valid request may go without an answer for this long.</summary>
    private static readonly TimeSpan s_answerLimit = TimeSpan.FromSeconds(30);

    /// <summary>Requests that may rightly wait for others; their connection is given up sooner.</summary>
    private static readonly HashSet<ApiKey> s_waiting = [ApiKey.JoinGroup, ApiKey.SyncGroup, ApiKey.Fetch];
    private static readonly TimeSpan s_waitingLimit = TimeSpan.FromMilliseconds(200);

    /// <summary>Requests that make topics and partitions: no damage may turn two partitions into eight thousand.</summary>
    private static readonly HashSet<ApiKey> s_making = [ApiKey.CreateTopics, ApiKey.CreatePartitions, ApiKey.Metadata];

    /// <summary>Apache Kafka too names versions of Produce that it does not serve, for the sake of old clients.</summary>
    private const short ProduceVersionMin = 3;

    private readonly ConcurrentDictionary<(ApiKey, short), int> _answered = new();
    private readonly ConcurrentDictionary<(ApiKey, short), int> _closed = new();
    private readonly ConcurrentQueue<string> _failures = new();

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Every_api_in_every_version_survives_random_and_damaged_requests(string io)
    {
        int seed = Setting("AOT_BROKER_FUZZ_SEED", Environment.TickCount & 0xFFFFFF);
        TimeSpan budget = TimeSpan.FromSeconds(Setting("AOT_BROKER_FUZZ_SECONDS", 8));
        output.WriteLine($"AOT_BROKER_FUZZ_SEED={seed}");
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions { Io = io, Set = ["offsets.topic.num.partitions=4", "node.id=1"] }
        );
        using Bystander bystander = new(broker);
        List<(ApiKey Key, short Version)> apis;
        FuzzPools pools;
        using (KafkaConnection connection = new(broker))
        {
            apis =
            [
                .. connection
                    .ApiVersions()
                    .ApiKeys.SelectMany(api =>
                        Enumerable
                            .Range(api.MinVersion, api.MaxVersion - api.MinVersion + 1)
                            .Select(version => ((ApiKey)api.ApiKey, (short)version))
                    ),
            ];
            pools = new FuzzPools(1, MakeTopics(connection));
        }
        Assert.True(apis.Count > 100, $"only {apis.Count} versions are offered");
        long end = Stopwatch.GetTimestamp() + (long)(budget.TotalSeconds * Stopwatch.Frequency);
        Thread[] threads =
        [
            .. Enumerable
                .Range(0, Threads)
                .Select(index => new Thread(() => Guard(() => Run(broker, apis, pools, seed + index, index, end)))),
        ];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        output.WriteLine(
            $"{_answered.Values.Sum()} answered, {_closed.Values.Sum()} closed, {apis.Count} versions of APIs"
        );
        Assert.True(_failures.IsEmpty, $"seed {seed}\n{string.Join('\n', _failures)}\n{broker.Describe()}");
        bystander.MustGoOn();
        BrokerLog.HasNoStackTrace(broker);
        string silent = string.Join(
            ' ',
            apis.Where(api => !_answered.ContainsKey(api) && !s_waiting.Contains(api.Key))
                .Where(api => api.Key != ApiKey.Produce || api.Version >= ProduceVersionMin)
        );
        Assert.True(silent.Length == 0, $"a valid request was never answered: {silent}\n{broker.Describe()}");
        bystander.Dispose();
        broker.Stop();
        broker.Restart();
        using KafkaConnection after = new(broker);
        Assert.Equal(1, after.PartitionsOf("bystander"));
        after.CreateTopic("after", 1, Bystander.PinnedSettings);
        Assert.Equal(0, after.Produce("after", 0, Batches.Numbered(0, 0, 1, 1)).BaseOffset);
    }

    private void Run(
        BrokerProcess broker,
        List<(ApiKey Key, short Version)> apis,
        FuzzPools pools,
        int seed,
        int thread,
        long end
    )
    {
        Random random = new(seed);
        Queue<byte[]> recent = new();
        KafkaConnection connection = new(broker);
        byte[] other = new byte[50];
        int fewest = apis.Count / Threads;
        for (int i = 0; _failures.IsEmpty && (i <= fewest || Stopwatch.GetTimestamp() < end); i++)
        {
            // Once through all of them by turns, then at random.
            (ApiKey key, short version) =
                i <= fewest ? apis[((i * Threads) + thread) % apis.Count] : apis[random.Next(apis.Count)];
            byte[] frame = Frame(key, version, i, pools, random);
            bool isDamaged = i > fewest && random.Next(2) == 0;
            byte[] sent = isDamaged ? Mutation.Of(frame, other, random, s_making.Contains(key)) : frame;
            other = frame;
            recent.Enqueue(sent);
            if (recent.Count > RecentFrames)
            {
                recent.Dequeue();
            }
            if (!TrySend(connection, sent, key, version, isDamaged))
            {
                connection.Dispose();
                try
                {
                    connection = new KafkaConnection(broker);
                }
                catch (SocketException)
                {
                    Assert.True(broker.WaitForExit() < 0, $"{key} {version} ended the broker\n{Describe(recent)}");
                }
            }
        }
        connection.Dispose();
        if (!broker.IsRunning)
        {
            _failures.Enqueue($"the broker ended; last frames of connection {thread}:\n{Describe(recent)}");
        }
    }

    /// <summary>False when the connection cannot be used any more, which is right for a damaged request.</summary>
    private bool TrySend(KafkaConnection connection, byte[] frame, ApiKey key, short version, bool isDamaged)
    {
        bool mayWait = s_waiting.Contains(key);
        byte[]? answer;
        try
        {
            connection.Wire.SendFrame(frame);
            if (IsWithoutAnswer(key, frame, isDamaged))
            {
                return false;
            }
            connection.Wire.Socket.ReceiveTimeout = (int)(mayWait ? s_waitingLimit : s_answerLimit).TotalMilliseconds;
            answer = connection.Wire.ReceiveFrame();
        }
        catch (SocketException timeout) when (timeout.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            if (!mayWait)
            {
                _failures.Enqueue($"no answer to {key} version {version}: {Hex(frame)}");
            }
            return false;
        }
        catch (SocketException)
        {
            answer = null;
        }
        if (answer is null)
        {
            _closed.AddOrUpdate((key, version), 1, (_, count) => count + 1);
            return false;
        }
        if (!isDamaged)
        {
            Check(answer, key, version, frame);
            _answered.AddOrUpdate((key, version), 1, (_, count) => count + 1);
        }
        return true;
    }

    /// <summary>Produce with acks=0 has no answer; a damaged one may have become that.</summary>
    private static bool IsWithoutAnswer(ApiKey key, byte[] frame, bool isDamaged)
    {
        if (key != ApiKey.Produce)
        {
            return false;
        }
        if (isDamaged)
        {
            return true;
        }
        WireReader reader = new(frame);
        reader.Skip(2);
        short version = reader.ReadInt16();
        reader.Skip(4);
        reader.ReadNullableString(compact: false);
        bool isFlexible = ApiKeys.RequestHeaderVersion(key, version) >= 2;
        if (isFlexible)
        {
            reader.Skip(1);
        }
        reader.ReadNullableString(isFlexible);
        return reader.ReadInt16() == 0;
    }

    private void Check(byte[] answer, ApiKey key, short version, byte[] frame)
    {
        WireReader reader = new(answer);
        reader.ReadInt32();
        if (ApiKeys.ResponseHeaderVersion(key, version) >= 1)
        {
            reader.ReadUVarint();
        }
        bool isValid = MessageAccess.For($"{key}Response").TryRead(ref reader, version, out _);
        if (!isValid || reader.Remaining != 0)
        {
            _failures.Enqueue(
                $"the answer of {key} version {version} is malformed ({reader.Remaining} bytes left)\n"
                    + $"request {Hex(frame)}\nanswer {Hex(answer)}"
            );
        }
    }

    private static byte[] Frame(ApiKey key, short version, int correlation, FuzzPools pools, Random random)
    {
        SchemaMessage schema = SchemaFiles.Message($"{key}Request");
        byte[] body = new RandomRequest(schema, version, random, pools).Make();
        string?[] clients = [null, "", "fuzz", "client with spaces and 漢字"];
        return WireClient.Request(
            (short)key,
            version,
            correlation,
            body,
            ApiKeys.RequestHeaderVersion(key, version) >= 2,
            clients[random.Next(clients.Length)]
        );
    }

    private static List<byte[]> MakeTopics(KafkaConnection connection)
    {
        List<byte[]> ids = [];
        foreach (string name in FuzzPools.Topics)
        {
            connection.CreateTopic(name, 2);
            for (int partition = 0; partition < 2; partition++)
            {
                connection.Produce(name, partition, Batches.Numbered(0, 0, 10, 20));
            }
        }
        MetadataResponse metadata = connection.Call<MetadataResponse>(
            ApiKey.Metadata,
            12,
            new MetadataRequest { Topics = null },
            MetadataResponse.TryRead
        );
        foreach (MetadataResponse.MetadataResponseTopic topic in metadata.Topics)
        {
            // The other client's topic is not theirs to delete.
            if (FuzzPools.Topics.Contains(topic.Name))
            {
                byte[] id = new byte[16];
                WireWriter writer = new(id);
                writer.WriteUuid(topic.TopicId);
                ids.Add(id);
            }
        }
        return ids;
    }

    private void Guard(Action run)
    {
        try
        {
            run();
        }
        catch (Exception failure)
        {
            _failures.Enqueue(failure.ToString());
        }
    }

    private static string Describe(IEnumerable<byte[]> frames) => string.Join('\n', frames.Select(Hex));

    private static string Hex(byte[] bytes) =>
        Convert.ToHexString(bytes.AsSpan(0, Math.Min(bytes.Length, HexBytesMax)))
        + (bytes.Length > HexBytesMax ? $"... ({bytes.Length} bytes)" : "");

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out int value)
            ? value
            : otherwise;
}
