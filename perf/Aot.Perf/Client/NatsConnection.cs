using System.Buffers.Text;
using System.Text;
using Aot.Broker.Linux;

namespace Aot.Perf.Client;

/// <summary>
/// The text protocol of nats-server, as much as a load needs: lines that end with CR LF, and messages, whose line says how
/// many bytes follow. Streams are made and written by messages to subjects, each answered on the sender's inbox.
/// </summary>
internal sealed class NatsConnection : IFrameTarget, IDisposable
{
    private readonly EventLoop _loop;
    private readonly Connection _connection;
    private readonly Action<ReadOnlySpan<byte>> _onMessage;
    private readonly string _inbox = $"_INBOX.{Guid.NewGuid():N}";
    private bool _isGreeted;
    private byte[]? _answer;

    /// <param name="onMessage">Takes the payload of each message to a subject that this subscribed to.</param>
    public NatsConnection(EventLoop loop, InetEndpoint server, Action<ReadOnlySpan<byte>> onMessage)
    {
        _loop = loop;
        _onMessage = onMessage;
        _connection = Connection.Open(loop, server, this, framing: Measure);
        Send($"CONNECT {{\"verbose\":false}}\r\nSUB {_inbox} 9\r\nPING\r\n");
        while (!_isGreeted)
        {
            loop.Turn(long.MaxValue);
        }
    }

    public bool IsBehind => _connection.IsBehind;

    public void Subscribe(string subject) => Send($"SUB {subject} 1\r\n");

    /// <summary>Asks the server, and waits for its answer, which must not be an error.</summary>
    public string Request(string subject, string body)
    {
        Send($"PUB {subject} {_inbox} {body.Length}\r\n{body}\r\n");
        while (_answer is null)
        {
            _loop.Turn(long.MaxValue);
        }
        string answer = Encoding.UTF8.GetString(_answer);
        _answer = null;
        return answer.Contains("\"error\"", StringComparison.Ordinal)
            ? throw new LoadException($"{subject} was answered with {answer}")
            : answer;
    }

    /// <summary>A message with an inbox for its answer, to be sent as often as wanted; where its payload begins.</summary>
    public static byte[] Message(string subject, string inbox, ReadOnlySpan<byte> payload, out int payloadAt)
    {
        byte[] head = Encoding.UTF8.GetBytes($"PUB {subject} {inbox} {payload.Length}\r\n");
        payloadAt = head.Length;
        return [.. head, .. payload, (byte)'\r', (byte)'\n'];
    }

    public void Send(ReadOnlyMemory<byte> bytes) => _connection.Send(bytes);

    public void Dispose() => _connection.Dispose();

    void IFrameTarget.OnFrame(Connection connection, ReadOnlySpan<byte> frame)
    {
        int line = frame.IndexOf("\r\n"u8);
        if (frame.StartsWith("MSG "u8))
        {
            ReadOnlySpan<byte> payload = frame[(line + 2)..^2];
            // The subscriber's number is between the subject and what follows: 9 is a request's.
            if (frame[..line].IndexOf(" 9 "u8) > 0)
            {
                _answer = payload.ToArray();
                return;
            }
            _onMessage(payload);
        }
        else if (frame.StartsWith("PONG"u8))
        {
            _isGreeted = true;
        }
        else if (frame.StartsWith("PING"u8))
        {
            Send("PONG\r\n");
        }
        else if (frame.StartsWith("-ERR"u8))
        {
            throw new LoadException($"nats-server: {Encoding.UTF8.GetString(frame[..line])}");
        }
    }

    void IFrameTarget.OnLost(Connection connection, string why) =>
        throw new LoadException($"the connection to nats-server was lost: {why}");

    private void Send(string text) => _connection.Send(Encoding.UTF8.GetBytes(text));

    /// <summary>The bytes of the first line, and of the payload that it announces; 0 when the line is not whole.</summary>
    private static int Measure(ReadOnlySpan<byte> bytes)
    {
        int line = bytes.IndexOf("\r\n"u8);
        if (line < 0)
        {
            return 0;
        }
        int end = line + 2;
        if (!bytes.StartsWith("MSG "u8))
        {
            return end;
        }
        int number = bytes[..line].LastIndexOf((byte)' ') + 1;
        return Utf8Parser.TryParse(bytes[number..line], out int payload, out _)
            ? end + payload + 2
            : throw new LoadException("nats-server: a message without a length");
    }
}
