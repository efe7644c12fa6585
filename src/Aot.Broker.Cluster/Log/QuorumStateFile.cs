using System.Text;
using System.Text.Json;
using Aot.Broker.Base;

namespace Aot.Broker.Cluster;

/// <summary>
/// <c>quorum-state</c> of the metadata log: which epoch this node has seen, who leads it, and whom it voted for. One
/// JSON object; data_version 0 names the voters, data_version 1 (kraft.version 1) leaves them to the log.
/// </summary>
public sealed record QuorumState
{
    public const string FileName = "quorum-state";

    public int LeaderId { get; init; } = -1;
    public int LeaderEpoch { get; init; }
    public int VotedId { get; init; } = -1;
    public KafkaUuid VotedDirectoryId { get; init; }
    public int[] Voters { get; init; } = [];
    public short DataVersion { get; init; }

    public byte[] ToBytes()
    {
        StringBuilder text = new("{");
        if (DataVersion == 0)
        {
            text.Append("\"clusterId\":\"\",");
        }
        text.Append($"\"leaderId\":{LeaderId},\"leaderEpoch\":{LeaderEpoch},\"votedId\":{VotedId},");
        if (DataVersion == 0)
        {
            text.Append("\"appliedOffset\":0,\"currentVoters\":[");
            text.AppendJoin(',', Voters.Select(static id => $"{{\"voterId\":{id}}}"));
            text.Append("],");
        }
        else
        {
            text.Append($"\"votedDirectoryId\":\"{VotedDirectoryId}\",");
        }
        text.Append($"\"data_version\":{DataVersion}}}");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>Null with the reason when the bytes are not such a file.</summary>
    public static QuorumState? TryParse(ReadOnlySpan<byte> bytes, out string problem)
    {
        problem = "";
        try
        {
            Utf8JsonReader reader = new(bytes);
            QuorumState? state = Read(ref reader);
            if (state is null)
            {
                problem = "it is not one JSON object with leaderEpoch and a data_version of 0 or 1";
            }
            return state;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            problem = error.Message;
            return null;
        }
    }

    private static QuorumState? Read(ref Utf8JsonReader reader)
    {
        QuorumState state = new() { LeaderEpoch = -1, DataVersion = -1 };
        List<int> voters = [];
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return null;
        }
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string? name = reader.GetString();
            reader.Read();
            switch (name)
            {
                case "leaderId":
                    state = state with { LeaderId = reader.GetInt32() };
                    break;
                case "leaderEpoch":
                    state = state with { LeaderEpoch = reader.GetInt32() };
                    break;
                case "votedId":
                    state = state with { VotedId = reader.GetInt32() };
                    break;
                case "votedDirectoryId":
                    KafkaUuid.TryParse(reader.GetString(), out KafkaUuid directory);
                    state = state with { VotedDirectoryId = directory };
                    break;
                case "data_version":
                    state = state with { DataVersion = reader.GetInt16() };
                    break;
                case "currentVoters":
                    ReadVoters(ref reader, voters);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
        return state is { LeaderEpoch: >= 0, DataVersion: 0 or 1 } ? state with { Voters = [.. voters] } : null;
    }

    private static void ReadVoters(ref Utf8JsonReader reader, List<int> voters)
    {
        int depth = reader.CurrentDepth;
        while (reader.TokenType != JsonTokenType.Null && reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("voterId"))
            {
                reader.Read();
                voters.Add(reader.GetInt32());
            }
        }
    }
}
