using System.Text;
using System.Text.Json;

namespace Aot.Broker.Histories;

/// <summary>
/// Histories as files of JSON lines, one operation per line, in the order in which they happened:
/// <code>
/// {"process":0,"type":"invoke","f":"send","value":[["send","t-0","a1"],["send","t-1","a2"]],"time":1200}
/// {"process":0,"type":"ok","f":"send","value":[["send","t-0",[17,"a1"]],["send","t-1",[4,"a2"]]],"time":5300}
/// {"process":1,"type":"invoke","f":"poll","value":[["poll"]],"time":5400}
/// {"process":1,"type":"ok","f":"poll","value":[["poll",{"t-0":[[17,"a1"]],"t-1":[[4,"a2"]]}]],"time":6100}
/// {"process":2,"type":"invoke","f":"txn","value":[["poll"],["send","u-0","a3"]],"time":6200}
/// {"process":2,"type":"fail","f":"txn","value":[["poll",{"t-0":[[17,"a1"]]}],["send","u-0","a3"]],"time":9000}
/// {"process":1,"type":"invoke","f":"assign","value":["t-0"],"time":9100}
/// {"process":1,"type":"ok","f":"assign","value":["t-0"],"time":9200}
/// {"process":1,"type":"invoke","f":"subscribe","value":["t","u"],"time":9300}
/// {"process":1,"type":"ok","f":"subscribe","value":["t","u"],"time":9900}
/// {"process":2,"type":"info","f":"crash","value":null,"time":9950}
/// </code>
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item><c>process</c>: a number or a text. A process has one operation under way at most. An invocation that has no
/// completion counts as <c>info</c>. A crash is one line, of any type, and ends what is under way as <c>info</c>.</item>
/// <item><c>type</c>: invoke, ok, fail, info; see <see cref="OperationType"/>. A transaction that was aborted is a
/// <c>fail</c>, with what it polled and, where known, the offsets of what it sent.</item>
/// <item><c>value</c> of send, poll and txn: steps in order. A send is <c>["send", partition, value]</c>, and
/// <c>["send", partition, [offset, value]]</c> once its offset is known. A poll is <c>["poll"]</c>, and
/// <c>["poll", {partition: [[offset, value], ...]}]</c> once it has returned. A value is a text or a number and is sent
/// once in the whole history; a program that sends the same record again in one client (a retry) does not invoke
/// another send.</item>
/// <item><c>value</c> of a completion may be null: what was asked for, and nothing more is known.</item>
/// <item><c>rebalanced</c>: true where the group gave the consumer other partitions before or during the operation.</item>
/// <item><c>time</c>: nanoseconds, from whatever zero; not compared between files.</item>
/// </list>
/// </remarks>
public static class HistoryFile
{
    /// <exception cref="FormatException">A line is not of the form above; the message has its number.</exception>
    public static List<Operation> Read(string path)
    {
        using StreamReader reader = new(path);
        return Read(reader);
    }

    /// <inheritdoc cref="Read(string)"/>
    public static List<Operation> Read(TextReader lines)
    {
        List<Operation> operations = [];
        for (int number = 1; lines.ReadLine() is { } line; number++)
        {
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                operations.Add(Parse(document.RootElement));
            }
            catch (Exception error)
                when (error is JsonException or FormatException or InvalidOperationException or KeyNotFoundException)
            {
                throw new FormatException($"line {number} of the history: {error.Message}", error);
            }
        }
        return operations;
    }

    public static void Write(TextWriter lines, Operation operation)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            json.WriteString("process", operation.Process);
            json.WriteString("type", operation.Type.ToString().ToLowerInvariant());
            json.WriteString("f", operation.Function.ToString().ToLowerInvariant());
            json.WritePropertyName("value");
            WriteValue(json, operation);
            if (operation.IsRebalanced)
            {
                json.WriteBoolean("rebalanced", true);
            }
            json.WriteNumber("time", operation.TimeNanos);
            json.WriteEndObject();
        }
        lines.WriteLine(Encoding.UTF8.GetString(bytes.GetBuffer().AsSpan(0, (int)bytes.Length)));
    }

    // Reading --------------------------------------------------------------------------------------------------------

    private static Operation Parse(JsonElement line)
    {
        OperationFunction function = ParseName<OperationFunction>(line.GetProperty("f"));
        bool hasValue = line.TryGetProperty("value", out JsonElement value) && value.ValueKind != JsonValueKind.Null;
        bool hasNames = function is OperationFunction.Assign or OperationFunction.Subscribe;
        bool hasSteps = hasValue && !hasNames && function != OperationFunction.Crash;
        return new Operation
        {
            Process = TextOf(line.GetProperty("process")),
            Type = ParseName<OperationType>(line.GetProperty("type")),
            Function = function,
            Steps = hasSteps ? [.. value.EnumerateArray().Select(ParseStep)] : [],
            Names = hasNames && hasValue ? [.. value.EnumerateArray().Select(TextOf)] : [],
            IsRebalanced = line.TryGetProperty("rebalanced", out JsonElement moved) && moved.GetBoolean(),
            TimeNanos = line.TryGetProperty("time", out JsonElement time) ? time.GetInt64() : 0,
        };
    }

    private static Step ParseStep(JsonElement step)
    {
        switch (step[0].GetString())
        {
            case "send":
                JsonElement sent = step[2];
                return sent.ValueKind == JsonValueKind.Array
                    ? new SendStep(TextOf(step[1]), TextOf(sent[1]), OffsetOf(sent[0]))
                    : new SendStep(TextOf(step[1]), TextOf(sent));
            case "poll":
                return step.GetArrayLength() == 1 || step[1].ValueKind == JsonValueKind.Null
                    ? new PollStep()
                    : new PollStep(ParsePolled(step[1]));
            default:
                throw new FormatException($"{step[0]} is neither send nor poll");
        }
    }

    private static Dictionary<string, IReadOnlyList<PolledValue>> ParsePolled(JsonElement partitions)
    {
        Dictionary<string, IReadOnlyList<PolledValue>> polled = [];
        foreach (JsonProperty partition in partitions.EnumerateObject())
        {
            polled[partition.Name] =
            [
                .. partition.Value.EnumerateArray().Select(p => new PolledValue(p[0].GetInt64(), TextOf(p[1]))),
            ];
        }
        return polled;
    }

    private static long? OffsetOf(JsonElement offset) =>
        offset.ValueKind == JsonValueKind.Null || offset.GetInt64() < 0 ? null : offset.GetInt64();

    private static T ParseName<T>(JsonElement name)
        where T : struct, Enum
    {
        string text = name.GetString() ?? "";
        return Enum.TryParse(text, ignoreCase: true, out T parsed) && !char.IsDigit(text[0])
            ? parsed
            : throw new FormatException($"{name} is not one of {string.Join(", ", Enum.GetNames<T>())}");
    }

    private static string TextOf(JsonElement text) =>
        text.ValueKind switch
        {
            JsonValueKind.String => text.GetString()!,
            JsonValueKind.Number => text.GetRawText(),
            _ => throw new FormatException($"{text} is neither a text nor a number"),
        };

    // Writing --------------------------------------------------------------------------------------------------------

    private static void WriteValue(Utf8JsonWriter json, Operation operation)
    {
        if (operation.Function == OperationFunction.Crash)
        {
            json.WriteNullValue();
            return;
        }
        json.WriteStartArray();
        foreach (string name in operation.Names)
        {
            json.WriteStringValue(name);
        }
        foreach (Step step in operation.Steps)
        {
            json.WriteStartArray();
            if (step is SendStep send)
            {
                WriteSend(json, send);
            }
            else
            {
                WritePoll(json, (PollStep)step);
            }
            json.WriteEndArray();
        }
        json.WriteEndArray();
    }

    private static void WriteSend(Utf8JsonWriter json, SendStep send)
    {
        json.WriteStringValue("send");
        json.WriteStringValue(send.Key);
        if (send.Offset is { } offset)
        {
            WritePair(json, offset, send.Value);
        }
        else
        {
            json.WriteStringValue(send.Value);
        }
    }

    private static void WritePoll(Utf8JsonWriter json, PollStep poll)
    {
        json.WriteStringValue("poll");
        if (poll.Values is null)
        {
            return;
        }
        json.WriteStartObject();
        foreach ((string key, IReadOnlyList<PolledValue> values) in poll.Values)
        {
            json.WriteStartArray(key);
            foreach (PolledValue polled in values)
            {
                WritePair(json, polled.Offset, polled.Value);
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static void WritePair(Utf8JsonWriter json, long offset, string value)
    {
        json.WriteStartArray();
        json.WriteNumberValue(offset);
        json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
