using System.Text.Json.Nodes;
using Aot.Broker.Harness;

namespace Aot.Broker.EndToEnd.Tests.Matrix;

/// <summary>A column of the matrix: what a client does against the broker, and what has to come of it.</summary>
internal sealed record MatrixFeature(string Name, bool IsInSmoke, Action<MatrixSubject> Try);

/// <summary>The columns of the matrix: each gets topics and groups of its own and fails by an exception.</summary>
internal static class MatrixFeatures
{
    private const int Records = 100;
    private const int LargeBytes = 5_000_000;
    private const int TooLargeBytes = 2_000_000;

    public static IReadOnlyList<MatrixFeature> All { get; } =
    [
        new("produce and consume", true, subject => ProduceAndConsume(subject, "none")),
        new("gzip", false, subject => ProduceAndConsume(subject, "gzip")),
        new("snappy", false, subject => ProduceAndConsume(subject, "snappy")),
        new("lz4", true, subject => ProduceAndConsume(subject, "lz4")),
        new("zstd", false, subject => ProduceAndConsume(subject, "zstd")),
        new("headers", true, Headers),
        new("records of 5 MB", false, Large),
        new("idempotent producer", true, Idempotent),
        new("transaction committed", true, Committed),
        new("transaction aborted", false, Aborted),
        new("read_committed waits", false, ReadCommitted),
        new("offsets in a transaction", false, TransactionalOffsets),
        new("group: range", true, subject => Group(subject, "range", null)),
        new("group: sticky", false, subject => Group(subject, "sticky", null)),
        new("group: cooperative-sticky", false, subject => Group(subject, "cooperative-sticky", null)),
        new("group: KIP-848", true, subject => Group(subject, null, "consumer")),
        new("static members", false, StaticMembers),
        new("offset reset", false, OffsetReset),
        new("seek by timestamp", false, SeekByTime),
        new("admin: topics", true, Topics),
        new("admin: settings", false, Settings),
        new("admin: groups", false, Groups),
        new("admin: delete records", false, DeleteRecords),
        new("bad input is refused", false, BadInput),
    ];

    private static void ProduceAndConsume(MatrixSubject subject, string codec)
    {
        string topic = subject.NewTopic(2);
        string[] values =
        [
            .. Enumerable.Range(0, Records).Select(i => $"value {i} of a text that repeats repeats repeats"),
        ];
        subject.Produce(topic, codec, false, [.. values.Select((value, i) => new Sent(value, Key: $"key {i % 7}"))]);
        Received[] received = subject.Read(topic, Records);
        Equal(values.Order(StringComparer.Ordinal), received.Select(r => r.Value).Order(StringComparer.Ordinal));
        foreach (IGrouping<string?, Received> ofKey in received.GroupBy(r => r.Key))
        {
            Holds(ofKey.Select(r => r.Partition).Distinct().Count() == 1, "records of a key are in one partition");
        }
    }

    private static void Headers(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        subject.Produce(topic, "none", false, new Sent("with", Headers: [("a", "1"), ("b", "2"), ("empty", "")]));
        Received only = subject.Read(topic, 1)[0];
        Equal(["a=1", "b=2", "empty="], only.Headers);
    }

    private static void Large(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1, ("max.message.bytes", "10000000"));
        subject.Produce(topic, "none", false, new Sent("x", Repeat: LargeBytes));
        Equal([LargeBytes], subject.Read(topic, 1).Select(r => r.Length));
    }

    private static void Idempotent(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        string[] values = [.. Enumerable.Range(0, Records).Select(i => $"{i}")];
        subject.Produce(topic, "none", true, [.. values.Select(value => new Sent(value, Partition: 0))]);
        Equal(values, subject.Read(topic, Records).Select(r => r.Value));
    }

    private static void Committed(MatrixSubject subject)
    {
        string topic = subject.NewTopic(2);
        subject.Transact(topic, ["one", "two"], "commit");
        Equal(["one", "two"], subject.Read(topic, 2, isCommitted: true).Select(r => r.Value).Order());
    }

    private static void Aborted(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        subject.Transact(topic, ["gone 1", "gone 2"], "abort");
        subject.Transact(topic, ["stays"], "commit");
        Equal(["stays"], subject.Read(topic, 1, isCommitted: true).Select(r => r.Value));
        Equal(["gone 1", "gone 2", "stays"], subject.Read(topic, 3).Select(r => r.Value));
    }

    private static void ReadCommitted(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        string id = subject.Transact(topic, ["open"], "open");
        subject.Produce(topic, "none", false, new Sent("behind it", Partition: 0));
        Equal(["open", "behind it"], subject.Read(topic, 2).Select(r => r.Value));
        Equal([], subject.Read(topic, 1, isCommitted: true, waitMs: 1500).Select(r => r.Value));
        subject.Agent.Ask("end", new JsonObject { ["id"] = id, ["commit"] = true });
        Equal(["open", "behind it"], subject.Read(topic, 2, isCommitted: true).Select(r => r.Value));
    }

    private static void TransactionalOffsets(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        string group = subject.NewName();
        subject.Transact(topic, ["a", "b"], "commit", group, 2);
        Equal([2L], [subject.Committed(group, topic)]);
        subject.Transact(topic, ["c"], "abort", group, 3);
        Equal([2L], [subject.Committed(group, topic)]);
    }

    /// <summary>Two members divide four partitions, each record comes to one of them, and what a member leaves goes to the other.</summary>
    private static void Group(MatrixSubject subject, string? strategy, string? protocol)
    {
        string topic = subject.NewTopic(4);
        string group = subject.NewName();
        GroupMember first = subject.Join(group, topic, strategy, protocol);
        Until.Holds(() => first.Look().Assigned.Length == 4, "one member has all partitions", MatrixSubject.GroupLimit);
        GroupMember second = subject.Join(group, topic, strategy, protocol);
        int[] all = [0, 1, 2, 3];
        Until.Holds(
            () =>
                first.Look().Assigned.Length == 2
                && second.Look().Assigned.Length == 2
                && first.State.Assigned.Concat(second.State.Assigned).Order().SequenceEqual(all),
            "two members have two partitions each",
            MatrixSubject.GroupLimit
        );
        string[] values = [.. Enumerable.Range(0, 40).Select(i => $"value {i}")];
        subject.Produce(topic, "none", false, [.. values.Select((value, i) => new Sent(value, Partition: i % 4))]);
        Until.Holds(
            () => first.Look().Values.Length + second.Look().Values.Length >= values.Length,
            "both members have read",
            MatrixSubject.GroupLimit
        );
        Equal(
            values.Order(StringComparer.Ordinal),
            first.State.Values.Concat(second.State.Values).Order(StringComparer.Ordinal)
        );
        Holds(first.State.Values.Length == 20, "each member has read its part");
        second.Leave();
        Until.Holds(
            () => first.Look().Assigned.Length == 4,
            "the rest has all partitions again",
            MatrixSubject.GroupLimit
        );
        first.Leave();
    }

    /// <summary>A static member that is away for a moment gets what it had, and the other one is not disturbed.</summary>
    private static void StaticMembers(MatrixSubject subject)
    {
        string topic = subject.NewTopic(4);
        string group = subject.NewName();
        GroupMember first = subject.Join(group, topic, instance: "first");
        GroupMember second = subject.Join(group, topic, instance: "second");
        Until.Holds(
            () => first.Look().Assigned.Length == 2 && second.Look().Assigned.Length == 2,
            "two static members have two partitions each",
            MatrixSubject.GroupLimit
        );
        int[] before = first.State.Assigned;
        int revoked = second.State.Revoked;
        first.Leave();
        first = subject.Join(group, topic, instance: "first");
        Until.Holds(() => first.Look().Assigned.Length > 0, "it is back", MatrixSubject.GroupLimit);
        Equal(before.Order(), first.State.Assigned.Order());
        Equal([revoked], [second.Look().Revoked]);
        first.Leave();
        second.Leave();
    }

    private static void OffsetReset(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        subject.Produce(topic, "none", false, new Sent("early 1"), new Sent("early 2"));
        GroupMember fromStart = subject.Join(subject.NewName(), topic, reset: "earliest");
        Until.Holds(() => fromStart.Look().Values.Length == 2, "earliest reads all", MatrixSubject.GroupLimit);
        fromStart.Leave();
        GroupMember fromEnd = subject.Join(subject.NewName(), topic, reset: "latest");
        int late = 0;
        Until.Holds(
            () =>
            {
                // Where the end is when the member looks for it is not known here: something comes behind it at last.
                subject.Produce(topic, "none", false, new Sent($"late {late++}"));
                return fromEnd.Look().Values.Length > 0;
            },
            "latest reads what comes",
            MatrixSubject.GroupLimit
        );
        Holds(
            fromEnd.State.Values.All(value => value.StartsWith("late ", StringComparison.Ordinal)),
            "latest reads nothing older"
        );
        fromEnd.Leave();
    }

    private static void SeekByTime(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        long start = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - 60_000;
        subject.Produce(
            topic,
            "none",
            false,
            [.. Enumerable.Range(0, 10).Select(i => new Sent($"{i}", Partition: 0, Timestamp: start + (i * 1000)))]
        );
        Received[] received = subject.Read(topic, 4, timestamp: start + 5_500);
        Equal(["6", "7", "8", "9"], received.Select(r => r.Value));
    }

    private static void Topics(MatrixSubject subject)
    {
        string topic = subject.NewName();
        subject.Create(topic, 3);
        Until.Holds(() => subject.Topics().Contains(topic), "the topic is listed", MatrixSubject.GroupLimit);
        Fails(() => subject.Create(topic, 3), "a second creation");
        subject.Agent.Ask("delete", new JsonObject { ["topic"] = topic });
        Until.Holds(() => !subject.Topics().Contains(topic), "the topic is gone", MatrixSubject.GroupLimit);
    }

    private static void Settings(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        subject.Agent.Ask(
            "set",
            new JsonObject
            {
                ["topic"] = topic,
                ["name"] = "retention.ms",
                ["value"] = "7200000",
            }
        );
        JsonObject which = new() { ["topic"] = topic, ["name"] = "retention.ms" };
        Equal(["7200000"], [$"{subject.Agent.Ask("get", which)}"]);
    }

    private static void Groups(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        string group = subject.NewName();
        subject.Agent.Ask("groups");
        GroupMember member = subject.Join(group, topic);
        Until.Holds(() => member.Look().Assigned.Length == 1, "it is a member", MatrixSubject.GroupLimit);
        Holds(subject.Strings("groups").Contains(group), "the group is listed");
        JsonObject Which() => new() { ["group"] = group };
        Equal(["stable"], [$"{subject.Agent.Ask("state", Which())}".ToLowerInvariant()]);
        member.Leave();
        Until.Holds(
            () => $"{subject.Agent.Ask("state", Which())}".ToLowerInvariant() == "empty",
            "the group is empty",
            MatrixSubject.GroupLimit
        );
        subject.Agent.Ask("forget", Which());
        Holds(!subject.Strings("groups").Contains(group), "the group is gone");
    }

    private static void DeleteRecords(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        subject.Produce(topic, "none", false, [.. Enumerable.Range(0, 10).Select(i => new Sent($"{i}", Partition: 0))]);
        subject.Agent.Ask("trim", new JsonObject { ["topic"] = topic, ["offset"] = 7 });
        Equal(["7", "8", "9"], subject.Read(topic, 3).Select(r => r.Value));
    }

    /// <summary>Each is refused within the client's own limits, and the client goes on.</summary>
    private static void BadInput(MatrixSubject subject)
    {
        string topic = subject.NewTopic(1);
        Fails(
            () => subject.Produce(topic, "none", false, new Sent("x", Repeat: TooLargeBytes)),
            "a record that is too large"
        );
        if (subject.CanCreate)
        {
            Fails(() => subject.Create("no name!", 1), "a topic with a bad name");
            Fails(() => subject.Create(subject.NewName(), -5), "a topic with -5 partitions");
            Fails(() => subject.Create(subject.NewName(), 1, ("retention.ms", "soon")), "a setting with a bad value");
        }
        subject.Produce(topic, "none", false, new Sent("good"));
        Equal(["good"], subject.Read(topic, 1).Select(r => r.Value));
    }

    private static void Equal<T>(IEnumerable<T> expected, IEnumerable<T> actual)
    {
        T[] wanted = [.. expected];
        T[] found = [.. actual];
        Holds(
            wanted.SequenceEqual(found),
            $"expected {wanted.Length}: {Shorten(wanted)}; found {found.Length}: {Shorten(found)}"
        );
    }

    private static string Shorten<T>(T[] values) => string.Join(", ", values.Take(8));

    private static void Holds(bool condition, string what)
    {
        if (!condition)
        {
            throw new AgentException($"does not hold: {what}");
        }
    }

    private static void Fails(Action action, string what)
    {
        try
        {
            action();
        }
        catch (AgentException)
        {
            return;
        }
        throw new AgentException($"was not refused: {what}");
    }
}
