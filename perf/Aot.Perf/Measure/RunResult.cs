using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Aot.Perf.Measure;

/// <summary>What a run gave. Times are in seconds or nanoseconds, sizes in bytes.</summary>
internal sealed class RunResult(string name)
{
    private static readonly (string Name, double Part)[] s_percentiles =
    [
        ("p50", 0.5),
        ("p90", 0.9),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("p99.99", 0.9999),
    ];

    public string Name => name;

    public required double Seconds { get; init; }

    public required long Requests { get; init; }

    public required long Records { get; init; }

    public required long Bytes { get; init; }

    public required Histogram Latencies { get; init; }

    public required IReadOnlyList<SecondOfRun> PerSecond { get; init; }

    public double? BrokerCpuSeconds { get; init; }

    public double? BrokerUserSeconds { get; init; }

    public long? BrokerResidentBytes { get; init; }

    public double? ClientCpuSeconds { get; init; }

    /// <summary>Numbers that only this kind of load has, by name.</summary>
    public SortedDictionary<string, double> Extra { get; } = new(StringComparer.Ordinal);

    public string ToText()
    {
        StringBuilder text = new();
        text.Append(name)
            .Append(": ")
            .Append(Format(Seconds, "F2"))
            .Append(" s, ")
            .Append(Requests)
            .Append(" requests, ")
            .Append(Records)
            .Append(" records, ")
            .Append(Format(Records / Seconds, "F0"))
            .Append(" records/s, ")
            .Append(Format(Bytes / 1e6 / Seconds, "F1"))
            .AppendLine(" MB/s");
        if (Latencies.Count > 0)
        {
            text.Append("latency, us:");
            foreach ((string label, double part) in s_percentiles)
            {
                text.Append(' ').Append(label).Append(' ').Append(Format(Latencies.At(part) / 1e3, "F1"));
            }
            text.Append(" max ").AppendLine(Format(Latencies.Max / 1e3, "F1"));
        }
        if (BrokerCpuSeconds is { } cpu)
        {
            text.Append("broker: ").Append(Format(cpu, "F2")).Append(" CPU-s");
            text.Append(", ").Append(Format(Per(cpu, Requests) * 1e6, "F2")).Append(" us a request");
            text.Append(", ").Append(Format(Per(cpu, Records) * 1e6, "F2")).Append(" CPU-s a million records");
            text.Append(", ").Append(Format(Per(cpu, Bytes) * 1e9, "F3")).Append(" CPU-s a GB");
            text.Append(", ").Append(Format((BrokerResidentBytes ?? 0) / 1e6, "F1")).AppendLine(" MB resident");
        }
        foreach ((string label, double value) in Extra)
        {
            text.Append(label).Append(": ").AppendLine(Format(value, "G6"));
        }
        return text.ToString();
    }

    public string ToJson()
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            json.WriteString("load", name);
            json.WriteNumber("seconds", Seconds);
            json.WriteNumber("requests", Requests);
            json.WriteNumber("records", Records);
            json.WriteNumber("bytes", Bytes);
            json.WriteNumber("recordsPerSecond", Records / Seconds);
            json.WriteNumber("megabytesPerSecond", Bytes / 1e6 / Seconds);
            json.WriteStartObject("latencyMicroseconds");
            foreach ((string label, double part) in s_percentiles)
            {
                json.WriteNumber(label, Latencies.At(part) / 1e3);
            }
            json.WriteNumber("max", Latencies.Max / 1e3);
            json.WriteNumber("mean", Latencies.Mean / 1e3);
            json.WriteEndObject();
            Write(json, "brokerCpuSeconds", BrokerCpuSeconds);
            Write(json, "brokerUserSeconds", BrokerUserSeconds);
            Write(json, "brokerResidentBytes", BrokerResidentBytes);
            Write(json, "clientCpuSeconds", ClientCpuSeconds);
            foreach ((string label, double value) in Extra)
            {
                json.WriteNumber(label, value);
            }
            WriteCurve(json);
            json.WriteStartArray("perSecond");
            foreach (SecondOfRun second in PerSecond)
            {
                json.WriteStartObject();
                json.WriteNumber("records", second.Records);
                json.WriteNumber("bytes", second.Bytes);
                json.WriteNumber("p99", second.P99 / 1e3);
                json.WriteNumber("p99.9", second.P999 / 1e3);
                json.WriteNumber("max", second.Max / 1e3);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>For a picture: latencies by how many nines their part of all has, as far as there are samples for it.</summary>
    private void WriteCurve(Utf8JsonWriter json)
    {
        const double NinesStep = 0.1;
        json.WriteStartArray("latencyByNines");
        for (int i = 0; Latencies.Count > 0 && Math.Pow(10, i * NinesStep) <= Latencies.Count; i++)
        {
            json.WriteNumberValue(Latencies.At(1 - Math.Pow(10, -i * NinesStep)) / 1e3);
        }
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, string label, double? value)
    {
        if (value is { } known)
        {
            json.WriteNumber(label, known);
        }
    }

    private static double Per(double amount, long count) => count == 0 ? 0 : amount / count;

    private static string Format(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
