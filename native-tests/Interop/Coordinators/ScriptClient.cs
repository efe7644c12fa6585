using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Aot.Broker.Base;
using Aot.Broker.Harness;
using Aot.Broker.Interop.Tests.Produce;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Interop.Tests.Coordinators;

/// <summary>A request of a script, and what a broker of either kind said to it.</summary>
internal sealed record ScriptAnswer(string What, string Text);

/// <summary>
/// Plays a script of requests to one broker and writes down the answers so that those of two brokers can be compared: ids
/// that a broker makes up are numbered in the order in which they appear, and of times only their being there counts.
/// </summary>
internal sealed partial class ScriptClient(int port) : IDisposable
{
    private const string ClientId = "wire";
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly JsonSerializerOptions s_json = new() { Converters = { new UuidText() } };

    private readonly List<ScriptAnswer> _answers = [];
    private readonly Dictionary<string, string> _names = [];
    private readonly Dictionary<string, string> _producers = [];
    private readonly Dictionary<string, KafkaUuid> _topics = [];
    private WireClient _wire = new("127.0.0.1", port, s_limit);
    private int _correlation;

    public IReadOnlyList<ScriptAnswer> Answers => _answers;

    /// <summary>The texts of refusals count too, from here on; else only that there is one.</summary>
    public bool ComparesMessages { get; set; }

    public void Dispose() => _wire.Dispose();

    /// <summary>All that this broker's tables name, which are those of Apache Kafka.</summary>
    public static IEnumerable<short> Versions(ApiKey key)
    {
        for (short version = ApiKeys.LowestVersion(key); version <= ApiKeys.HighestStableVersion(key); version++)
        {
            yield return version;
        }
    }

    public static void InEachVersion(ApiKey key, Action<short> play)
    {
        foreach (short version in Versions(key))
        {
            play(version);
        }
    }

    public KafkaUuid TopicId(string name) => _topics[name];

    public void CreateTopic(string name, int partitions)
    {
        CreateTopicsRequest request = new()
        {
            TimeoutMs = 60_000,
            Topics =
            [
                new CreateTopicsRequest.CreatableTopic
                {
                    Name = name,
                    NumPartitions = partitions,
                    ReplicationFactor = 1,
                },
            ],
        };
        CreateTopicsResponse answer = Ask<CreateTopicsResponse>(
            ApiKey.CreateTopics,
            7,
            request,
            CreateTopicsResponse.TryRead
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)answer.Topics[0].ErrorCode);
        _topics[name] = answer.Topics[0].TopicId;
        Name(answer.Topics[0].TopicId.ToString(), name);
    }

    /// <summary>The internal topics are made when somebody looks for a coordinator, and it then reads its log.</summary>
    public void AwaitCoordinators()
    {
        Until.Holds(
            () =>
                IsFound(0)
                && IsFound(1)
                && Ask<HeartbeatResponse>(
                    ApiKey.Heartbeat,
                    0,
                    new HeartbeatRequest { GroupId = "ready" },
                    HeartbeatResponse.TryRead
                ).ErrorCode == (short)ErrorCode.UnknownMemberId
                && Ask<InitProducerIdResponse>(
                    ApiKey.InitProducerId,
                    0,
                    new InitProducerIdRequest { TransactionalId = "ready", TransactionTimeoutMs = 1_000 },
                    InitProducerIdResponse.TryRead
                ).ErrorCode == 0,
            "the coordinators serve"
        );

        bool IsFound(sbyte type)
        {
            FindCoordinatorRequest request = new() { KeyType = type, CoordinatorKeys = ["ready"] };
            return Ask<FindCoordinatorResponse>(ApiKey.FindCoordinator, 4, request, FindCoordinatorResponse.TryRead)
                    .Coordinators[0]
                    .ErrorCode == 0;
        }
    }

    /// <summary>What a broker has made up shows in answers by this name.</summary>
    public void Name(string value, string name) => _names.TryAdd(value, name);

    /// <summary>A request whose answer is compared. Null when the broker closed the connection instead.</summary>
    public T? Try<T>(string what, ApiKey key, short version, IWireRequest request, ReadMessage<T> read)
        where T : class
    {
        what = $"{key} version {version}, {what}";
        T? answer = Exchange(what, key, version, request, read);
        if (answer is ListTransactionsResponse list)
        {
            // In the order of a hash table that is not Apache Kafka's own.
            list.TransactionStates.Sort(static (a, b) => string.CompareOrdinal(a.TransactionalId, b.TransactionalId));
        }
        _answers.Add(new ScriptAnswer(what, answer is null ? "closed the connection" : Text(answer)));
        return answer;
    }

    /// <summary>A request that only leads up to another.</summary>
    public T Ask<T>(ApiKey key, short version, IWireRequest request, ReadMessage<T> read)
        where T : class =>
        Exchange($"{key}", key, version, request, read)
        ?? throw new HarnessException($"{key} version {version}: the broker closed the connection");

    private T? Exchange<T>(string what, ApiKey key, short version, IWireRequest request, ReadMessage<T> read)
        where T : class
    {
        byte[] body = new byte[request.Measure(version)];
        WireWriter writer = new(body);
        request.Write(ref writer, version);
        bool isFlexible = ApiKeys.RequestHeaderVersion(key, version) >= 2;
        byte[]? answer;
        try
        {
            _wire.SendFrame(WireClient.Request((short)key, version, ++_correlation, body, isFlexible, ClientId));
            answer = _wire.ReceiveFrame();
        }
        catch (SocketException error)
        {
            throw new HarnessException($"{what}: {error.Message}");
        }
        if (answer is null)
        {
            _wire.Dispose();
            _wire = new WireClient("127.0.0.1", port, s_limit);
            return null;
        }
        WireReader reader = new(answer);
        Assert.Equal(_correlation, reader.ReadInt32());
        if (ApiKeys.ResponseHeaderVersion(key, version) >= 1)
        {
            Assert.Equal(0u, reader.ReadUVarint());
        }
        Assert.True(read(ref reader, version, out T message), $"the answer to {what} is malformed");
        return message;
    }

    private string Text<T>(T answer)
    {
        string text = JsonSerializer.Serialize(answer, s_json);
        text = MadeUpId().Replace(text, match => NameOf(match.Value));
        foreach ((string value, string name) in _names)
        {
            text = text.Replace(value, name);
        }
        text = ProducerId().Replace(text, match => $"\"ProducerId\":{ProducerOf(match.Groups[1].Value)}");
        text = ErrorNumber().Replace(text, match => $"\"ErrorCode\":{(ErrorCode)short.Parse(match.Groups[1].Value)}");
        if (!ComparesMessages)
        {
            text = Message().Replace(text, "\"ErrorMessage\":some");
        }
        return Time().Replace(text, "\"$1\":some");
    }

    private string NameOf(string id)
    {
        if (!_names.TryGetValue(id, out string? name))
        {
            _names[id] = name = $"#{_names.Count}";
        }
        return name;
    }

    private string ProducerOf(string id)
    {
        if (!_producers.TryGetValue(id, out string? name))
        {
            _producers[id] = name = $"producer {_producers.Count}";
        }
        return name;
    }

    [GeneratedRegex("[\\w.-]*[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex MadeUpId();

    [GeneratedRegex("\"ProducerId\":(\\d+)")]
    private static partial Regex ProducerId();

    [GeneratedRegex("\"ErrorCode\":(-?\\d+)")]
    private static partial Regex ErrorNumber();

    [GeneratedRegex("\"ErrorMessage\":\"([^\"\\\\]|\\\\.)*\"")]
    private static partial Regex Message();

    [GeneratedRegex("\"(LastTimestamp|TransactionStartTimeMs)\":\\d+")]
    private static partial Regex Time();

    private sealed class UuidText : JsonConverter<KafkaUuid>
    {
        public override KafkaUuid Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, KafkaUuid value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString());
    }
}
