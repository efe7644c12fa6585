using System.Globalization;
using System.Text;
using Aot.Broker.Base;

namespace Aot.Broker.Storage.Files;

/// <summary>
/// <c>meta.properties</c>: whose data directory this is. Version 1 is KRaft's; version 0 (ZooKeeper's, with
/// <c>broker.id</c>) is read so that it can be named in the refusal.
/// </summary>
public sealed record MetaProperties(int Version, string ClusterId, int NodeId, KafkaUuid DirectoryId)
{
    public byte[] ToBytes(long wallMillis)
    {
        // The date is a comment that Java's properties always carry; nothing reads it.
        string date = DateTime
            .UnixEpoch.AddMilliseconds(wallMillis)
            .ToString("ddd MMM dd HH:mm:ss 'UTC' yyyy", CultureInfo.InvariantCulture);
        StringBuilder text = new();
        text.Append("#\n#").Append(date).Append('\n');
        text.Append("cluster.id=").Append(ClusterId).Append('\n');
        text.Append("directory.id=").Append(DirectoryId.ToString()).Append('\n');
        text.Append("node.id=").Append(NodeId).Append('\n');
        text.Append("version=").Append(Version).Append('\n');
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>Null with the reason in <paramref name="problem"/> when the text cannot be used.</summary>
    public static MetaProperties? TryParse(ReadOnlySpan<byte> bytes, out string problem)
    {
        Dictionary<string, string> values = [];
        foreach (string raw in Encoding.UTF8.GetString(bytes).Split('\n'))
        {
            string line = raw.Trim();
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && line[0] != '#' && line[0] != '!')
            {
                values[line[..equals].Trim()] = line[(equals + 1)..].Trim().Replace("\\:", ":").Replace("\\=", "=");
            }
        }
        int version = 0;
        if (values.TryGetValue("version", out string? versionText) && !int.TryParse(versionText, out version))
        {
            problem = $"version '{versionText}' is not a number";
            return null;
        }
        if (version is not (0 or 1))
        {
            problem = $"version {version} is not known";
            return null;
        }
        string idKey = version == 0 ? "broker.id" : "node.id";
        int nodeId = -1;
        if (values.TryGetValue(idKey, out string? idText) && !int.TryParse(idText, out nodeId))
        {
            problem = $"{idKey} '{idText}' is not a number";
            return null;
        }
        if (version == 1 && (nodeId < 0 || !values.ContainsKey("cluster.id")))
        {
            problem = "node.id or cluster.id is missing";
            return null;
        }
        KafkaUuid directoryId = default;
        if (values.TryGetValue("directory.id", out string? text) && !KafkaUuid.TryParse(text, out directoryId))
        {
            problem = $"directory.id '{text}' is not a uuid";
            return null;
        }
        problem = "";
        return new MetaProperties(version, values.GetValueOrDefault("cluster.id", ""), nodeId, directoryId);
    }
}

/// <summary><c>partition.metadata</c>: the topic id of a partition directory. No line feed at its end.</summary>
public static class PartitionMetadataText
{
    public static byte[] Write(KafkaUuid topicId) => Encoding.UTF8.GetBytes($"version: 0\ntopic_id: {topicId}");

    public static bool TryRead(ReadOnlySpan<byte> bytes, out KafkaUuid topicId)
    {
        topicId = default;
        string? version = null;
        string? id = null;
        foreach (string line in Encoding.UTF8.GetString(bytes).Split('\n'))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0)
            {
                continue;
            }
            string value = line[(colon + 1)..].Trim();
            switch (line[..colon].Trim())
            {
                case "version":
                    version = value;
                    break;
                case "topic_id":
                    id = value;
                    break;
                default:
                    break;
            }
        }
        return version == "0" && id is not null && KafkaUuid.TryParse(id, out topicId) && !topicId.IsZero;
    }
}

/// <summary><c>.kafka_cleanshutdown</c>: everything was written and synced before the process ended.</summary>
public static class CleanShutdownText
{
    public static byte[] Write(long brokerEpoch) =>
        Encoding.UTF8.GetBytes($"{{\"version\":0,\"brokerEpoch\":{brokerEpoch}}}");

    /// <summary>The broker epoch of the run that ended cleanly; -1 when the file says none (as older brokers wrote it).</summary>
    public static long BrokerEpochOf(ReadOnlySpan<byte> bytes)
    {
        string text = Encoding.UTF8.GetString(bytes);
        int key = text.IndexOf("\"brokerEpoch\"", StringComparison.Ordinal);
        int colon = key < 0 ? -1 : text.IndexOf(':', key);
        if (colon < 0)
        {
            return -1;
        }
        int end = colon + 1;
        while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] is '-' or ' '))
        {
            end++;
        }
        return long.TryParse(text.AsSpan(colon + 1, end - colon - 1).Trim(), out long epoch) ? epoch : -1;
    }
}
