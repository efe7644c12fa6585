using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Dump;

/// <summary>
/// One line per thing, in one of two forms from the same calls: a JSON object whose first field is <c>kind</c>, or text
/// (<c>name: value name: value</c>, with what has structure as JSON).
/// </summary>
public sealed class DumpWriter : IFieldVisitor, IDisposable
{
    private const int FlushBytes = 64 * 1024;

    private readonly Stream _output;
    private readonly ArrayBufferWriter<byte> _line = new(FlushBytes);
    private readonly Utf8JsonWriter _json;
    private int _depth;

    public DumpWriter(Stream output, bool isJson)
    {
        _output = output;
        IsJson = isJson;
        _json = new Utf8JsonWriter(
            _line,
            new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true }
        );
    }

    public bool IsJson { get; }

    private bool IsPlain => !IsJson && _depth == 0;

    /// <summary>Begins a line. <paramref name="head"/> is how the text form of it begins.</summary>
    public void Begin(string kind, string head)
    {
        if (!IsJson)
        {
            Append(head);
            return;
        }
        _json.Reset(_line);
        _json.WriteStartObject();
        _json.WriteString("kind", kind);
    }

    public void End()
    {
        if (IsJson)
        {
            _json.WriteEndObject();
            _json.Flush();
        }
        Append("\n");
        if (_line.WrittenCount >= FlushBytes)
        {
            Flush();
        }
    }

    public void Flush()
    {
        _output.Write(_line.WrittenSpan);
        _line.ResetWrittenCount();
        _output.Flush();
    }

    public void Field(string name, long value)
    {
        Name(name);
        Number(value);
    }

    public void Field(string name, string? value)
    {
        Name(name);
        Text(value);
    }

    public void Field(string name, bool value)
    {
        Name(name);
        Bool(value);
    }

    /// <summary>Bytes that are text more often than not: as text, or else as <c>nameBase64</c>.</summary>
    public void Payload(string name, NullableBytes value)
    {
        if (IsPlain)
        {
            Name(name);
            Append(value.IsNull ? "null" : Escape(value.Span));
        }
        else if (value.IsNull || Utf8.IsValid(value.Span))
        {
            Name(name);
            if (value.IsNull)
            {
                _json.WriteNullValue();
            }
            else
            {
                _json.WriteStringValue(value.Span);
            }
        }
        else
        {
            _json.WriteBase64String(name + "Base64", value.Span);
        }
    }

    public void Message(IDescribedMessage message, short version)
    {
        BeginObject();
        message.Describe(this, version);
        EndObject();
    }

    public void Name(string name)
    {
        if (IsPlain)
        {
            Append(_line.WrittenCount > 0 && _line.WrittenSpan[^1] is not ((byte)'\n' or (byte)' ') ? " " : "");
            Append(name);
            Append(": ");
        }
        else
        {
            _json.WritePropertyName(name);
        }
    }

    public void Bool(bool value)
    {
        if (IsPlain)
        {
            Append(value ? "true" : "false");
        }
        else
        {
            _json.WriteBooleanValue(value);
        }
    }

    public void Number(long value)
    {
        if (IsPlain)
        {
            Append(value.ToString(CultureInfo.InvariantCulture));
        }
        else
        {
            _json.WriteNumberValue(value);
        }
    }

    public void Real(double value)
    {
        if (!IsPlain && double.IsFinite(value))
        {
            _json.WriteNumberValue(value);
            return;
        }
        Text(value.ToString("R", CultureInfo.InvariantCulture));
    }

    public void Uuid(KafkaUuid value) => Text(value.ToString());

    public void Text(string? value)
    {
        if (IsPlain)
        {
            Append(value ?? "null");
        }
        else
        {
            _json.WriteStringValue(value);
        }
    }

    /// <summary>Base64, as Apache Kafka's JSON form of records has it.</summary>
    public void Bytes(byte[]? value)
    {
        if (value is null)
        {
            Null();
        }
        else if (IsPlain)
        {
            Append(Convert.ToBase64String(value));
        }
        else
        {
            _json.WriteBase64StringValue(value);
        }
    }

    public void Null()
    {
        if (IsPlain)
        {
            Append("null");
        }
        else
        {
            _json.WriteNullValue();
        }
    }

    public void BeginObject()
    {
        Enter();
        _json.WriteStartObject();
    }

    public void EndObject()
    {
        _json.WriteEndObject();
        Leave();
    }

    public void BeginArray()
    {
        Enter();
        _json.WriteStartArray();
    }

    public void EndArray()
    {
        _json.WriteEndArray();
        Leave();
    }

    public void Dispose()
    {
        Flush();
        _json.Dispose();
    }

    private void Enter()
    {
        if (IsPlain)
        {
            _json.Reset(_line);
        }
        _depth++;
    }

    private void Leave()
    {
        _depth--;
        if (IsPlain)
        {
            _json.Flush();
        }
    }

    private void Append(string text) => Encoding.UTF8.GetBytes(text, _line);

    /// <summary>A terminal is not to be steered by what somebody produced.</summary>
    private static string Escape(ReadOnlySpan<byte> value)
    {
        string text = Encoding.UTF8.GetString(value);
        if (!text.AsSpan().ContainsAnyInRange('\0', '\x1f') && !text.Contains('\x7f', StringComparison.Ordinal))
        {
            return text;
        }
        StringBuilder escaped = new(text.Length + 16);
        foreach (char c in text)
        {
            _ = char.IsControl(c) ? escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : escaped.Append(c);
        }
        return escaped.ToString();
    }
}
