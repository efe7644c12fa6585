using System.Text.Json.Nodes;
using Aot.Broker.Harness;

namespace Aot.Broker.EndToEnd.Tests.Matrix;

/// <summary>A record to be sent; its value is repeated so many times, so that a large one is a short command.</summary>
internal sealed record Sent(
    string Value,
    string? Key = null,
    int? Partition = null,
    long? Timestamp = null,
    (string Key, string Value)[]? Headers = null,
    int Repeat = 1
);

/// <summary>A record as a client got it; a long value comes as its length alone.</summary>
internal sealed record Received(int Partition, string? Key, string Value, int Length, string[] Headers);

/// <summary>What a member of a group has seen so far.</summary>
internal sealed record MemberState(int[] Assigned, int Revoked, string[] Values);

/// <summary>One client under test with the words of the features: topics and groups of its own, and commands to its agent.</summary>
internal sealed class MatrixSubject(ClientAgent agent, string bootstrap, string prefix)
{
    public static readonly TimeSpan GroupLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_readLimit = TimeSpan.FromSeconds(20);

    private int _names;

    public ClientAgent Agent => agent;

    public string NewName() => $"{prefix}-{++_names}";

    /// <summary>False where the client has nothing for topics: then a topic is made by the broker's first use of it.</summary>
    public bool CanCreate { get; private set; } = true;

    /// <summary>Made by the client itself where it can, else by the broker, with its settings for new topics.</summary>
    public string NewTopic(int partitions, params (string Name, string Value)[] settings)
    {
        string topic = NewName();
        try
        {
            Create(topic, partitions, settings);
        }
        catch (NoSuchFeatureException)
        {
            CanCreate = false;
            TopicMaker.Create(bootstrap, topic, partitions, settings);
        }
        return topic;
    }

    public void Create(string topic, int partitions, params (string Name, string Value)[] settings)
    {
        JsonObject values = [];
        foreach ((string name, string value) in settings)
        {
            values[name] = value;
        }
        agent.Ask(
            "create",
            new JsonObject
            {
                ["topic"] = topic,
                ["partitions"] = partitions,
                ["settings"] = values,
            }
        );
    }

    public string[] Topics() => Strings("topics");

    public string[] Strings(string op) => [.. agent.Ask(op)!.AsArray().Select(name => name!.GetValue<string>())];

    public void Produce(string topic, string codec, bool isIdempotent, params Sent[] records)
    {
        JsonArray list = [];
        foreach (Sent record in records)
        {
            JsonArray headers = [];
            foreach ((string key, string value) in record.Headers ?? [])
            {
                headers.Add(new JsonArray(key, value));
            }
            list.Add(
                new JsonObject
                {
                    ["key"] = record.Key,
                    ["value"] = record.Value,
                    ["repeat"] = record.Repeat,
                    ["partition"] = record.Partition,
                    ["timestamp"] = record.Timestamp,
                    ["headers"] = headers,
                }
            );
        }
        agent.Ask(
            "produce",
            new JsonObject
            {
                ["topic"] = topic,
                ["codec"] = codec,
                ["idempotent"] = isIdempotent,
                ["records"] = list,
            }
        );
    }

    /// <summary>
    /// So many records from the beginning, or from a time on in partition 0; fewer when no more come within the limit.
    /// </summary>
    public Received[] Read(
        string topic,
        int count,
        bool isCommitted = false,
        long? timestamp = null,
        int? waitMs = null
    ) =>
        [
            .. agent
                .Ask(
                    "read",
                    new JsonObject
                    {
                        ["topic"] = topic,
                        ["count"] = count,
                        ["committed"] = isCommitted,
                        ["timestamp"] = timestamp,
                        ["wait"] = waitMs ?? (int)s_readLimit.TotalMilliseconds,
                    }
                )!
                .AsArray()
                .Select(record => new Received(
                    record!["partition"]!.GetValue<int>(),
                    record["key"]?.GetValue<string>(),
                    record["value"]!.GetValue<string>(),
                    record["length"]!.GetValue<int>(),
                    [.. record["headers"]!.AsArray().Select(h => $"{h![0]}={h[1]}")]
                )),
        ];

    /// <summary>One transaction of an id of its own, which is returned: committed, aborted or left open.</summary>
    public string Transact(string topic, string[] values, string end, string? group = null, long offset = 0)
    {
        string id = NewName();
        JsonArray list = [];
        foreach (string value in values)
        {
            list.Add(value);
        }
        agent.Ask(
            "transact",
            new JsonObject
            {
                ["id"] = id,
                ["topic"] = topic,
                ["values"] = list,
                ["end"] = end,
                ["group"] = group,
                ["offset"] = offset,
            }
        );
        return id;
    }

    /// <summary>The committed offset of partition 0; -1 = none.</summary>
    public long Committed(string group, string topic) =>
        agent.Ask("committed", new JsonObject { ["group"] = group, ["topic"] = topic })!.GetValue<long>();

    public GroupMember Join(
        string group,
        string topic,
        string? strategy = null,
        string? protocol = null,
        string? instance = null,
        string reset = "earliest"
    )
    {
        string member = NewName();
        agent.Ask(
            "join",
            new JsonObject
            {
                ["member"] = member,
                ["group"] = group,
                ["topic"] = topic,
                ["strategy"] = strategy,
                ["protocol"] = protocol,
                ["instance"] = instance,
                ["reset"] = reset,
            }
        );
        return new GroupMember(agent, member);
    }
}

/// <summary>A consumer in a group, which its agent polls all the time.</summary>
internal sealed class GroupMember(ClientAgent agent, string name)
{
    /// <summary>As of the last look.</summary>
    public MemberState State { get; private set; } = new([], 0, []);

    public MemberState Look()
    {
        JsonNode state = agent.Ask("member", new JsonObject { ["member"] = name })!;
        return State = new MemberState(
            [.. state["assigned"]!.AsArray().Select(partition => partition!.GetValue<int>())],
            state["revoked"]!.GetValue<int>(),
            [.. state["values"]!.AsArray().Select(value => value!.GetValue<string>())]
        );
    }

    /// <summary>Closes the consumer as the library's users do; a static member only goes away.</summary>
    public void Leave() => agent.Ask("leave", new JsonObject { ["member"] = name });
}
