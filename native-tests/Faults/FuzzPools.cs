using Aot.Broker.Protocol.Generator;

namespace Aot.Broker.Faults.Tests;

/// <summary>The values that fuzzed requests are made of. Immutable after construction; any thread.</summary>
internal sealed class FuzzPools(int nodeId, IReadOnlyList<byte[]> topicIds)
{
    public static readonly string[] Topics = ["fuzz-0", "fuzz-1", "fuzz-2", "fuzz-3", "fuzz.4", "fuzz_5"];

    private static readonly string[] s_oddNames =
    [
        "",
        ".",
        "..",
        "a/b",
        "white space",
        "漢字",
        "🙂",
        "\0",
        "__consumer_offsets",
        "__transaction_state",
        "__cluster_metadata",
        "fuzz-0-0",
        new string('n', 249),
        new string('n', 250),
        new string('x', 3000),
    ];

    private static readonly string[] s_groups = ["group-0", "group-1", "group-2", ""];
    private static readonly string[] s_settings =
    [
        "retention.ms",
        "segment.bytes",
        "cleanup.policy",
        "compression.type",
        "max.message.bytes",
        "min.insync.replicas",
        "message.max.bytes",
        "log.retention.ms",
        "log.message.timestamp.after.max.ms",
        "no.such.setting",
        "",
    ];
    private static readonly string[] s_values =
    [
        "1",
        "0",
        "-1",
        "compact",
        "delete",
        "gzip",
        "producer",
        "1048576",
        "9223372036854775808",
        "",
        "a,b,,c",
    ];
    private static readonly string[] s_others =
    [
        "consumer",
        "range",
        "roundrobin",
        "metadata.version",
        "user",
        "1",
        "{}",
    ];

    public string Text(string message, SchemaField field, Random random)
    {
        int choice = random.Next(12);
        if (choice == 0)
        {
            return s_oddNames[random.Next(s_oddNames.Length)];
        }
        if (field.Entity == "topicName" || field.Name is "Topic" or "TopicName" || IsNameOfTopic(message, field))
        {
            return Topics[random.Next(Topics.Length)];
        }
        if (field.Entity == "groupId" || field.Name is "GroupId" or "Key" or "CoordinatorKeys" or "Groups")
        {
            return s_groups[random.Next(s_groups.Length)];
        }
        if (field.Name is "ResourceName")
        {
            // Not the broker's own name: its settings are left alone, so that the other clients go on.
            return random.Next(3) == 0 ? "" : Topics[random.Next(Topics.Length)];
        }
        if (field.Name is "Name" or "ConfigurationKeys" or "ConfigNames")
        {
            return s_settings[random.Next(s_settings.Length)];
        }
        return field.Name is "Value" ? s_values[random.Next(s_values.Length)] : s_others[random.Next(s_others.Length)];
    }

    public long Integer(string message, SchemaField field, Random random)
    {
        if (message == "UnregisterBrokerRequest" && field.Name == "BrokerId")
        {
            return random.Next(100_000, 200_000);
        }
        switch (field.Name)
        {
            case "MaxWaitMs" or "TimeoutMs" or "timeoutMs" or "RebalanceTimeoutMs":
                return random.Next(4) == 0 ? random.Next(int.MinValue, 0) : random.Next(0, 20);
            case "NumPartitions" or "Count":
                // Few, or far too many; nothing that would be taken and cost much.
                return random.Next(5) == 0 ? random.Next(100_000, int.MaxValue) : random.Next(-2, 5);
            case "Iterations":
                return random.Next(4000, 5000);
        }
        if (field.Entity == "brokerId" && random.Next(2) == 0)
        {
            return nodeId;
        }
        return random.Next(12) switch
        {
            0 => random.NextInt64(long.MinValue, long.MaxValue),
            1 => int.MaxValue,
            2 => int.MinValue,
            3 => long.MaxValue,
            4 => -1,
            _ => random.Next(-2, 6),
        };
    }

    public byte[] Uuid(Random random)
    {
        if (topicIds.Count > 0 && random.Next(3) > 0)
        {
            return topicIds[random.Next(topicIds.Count)];
        }
        byte[] uuid = new byte[16];
        if (random.Next(3) > 0)
        {
            random.NextBytes(uuid);
        }
        return uuid;
    }

    private static bool IsNameOfTopic(string message, SchemaField field) =>
        field.Name is "Name" or "TopicNames"
        && message
            is "CreateTopicsRequest"
                or "DeleteTopicsRequest"
                or "CreatePartitionsRequest"
                or "MetadataRequest"
                or "OffsetCommitRequest"
                or "OffsetFetchRequest"
                or "ListOffsetsRequest"
                or "DescribeTopicPartitionsRequest"
                or "DeleteRecordsRequest"
        && field.Type == "string";
}
