using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Aot.Broker.Harness;

/// <summary>
/// One connection at the level of frames, for tests that send what no client library would. It knows the framing and
/// the request header, nothing else. Not for several threads.
/// </summary>
public sealed class WireClient : IDisposable
{
    private readonly Socket _socket;

    public WireClient(string host, int port, TimeSpan? limit = null)
    {
        _socket = new Socket(IPAddress.Parse(host).AddressFamily, SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true,
        };
        int milliseconds = (int)(limit ?? Until.Limit).TotalMilliseconds;
        _socket.ReceiveTimeout = milliseconds;
        _socket.SendTimeout = milliseconds;
        _socket.Connect(IPAddress.Parse(host), port);
    }

    public Socket Socket => _socket;

    /// <summary>A request header and its body, without the length: what <see cref="SendFrame"/> takes.</summary>
    public static byte[] Request(
        short apiKey,
        short version,
        int correlationId,
        ReadOnlySpan<byte> body,
        bool isFlexible = false,
        string? clientId = "wire"
    )
    {
        byte[] id = Encoding.UTF8.GetBytes(clientId ?? "");
        byte[] frame = new byte[10 + id.Length + (isFlexible ? 1 : 0) + body.Length];
        BinaryPrimitives.WriteInt16BigEndian(frame, apiKey);
        BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(2), version);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), correlationId);
        BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(8), clientId is null ? (short)-1 : (short)id.Length);
        id.CopyTo(frame, 10);
        // The empty tag section of a flexible header is the zero byte that is already there.
        body.CopyTo(frame.AsSpan(frame.Length - body.Length));
        return frame;
    }

    /// <summary>Bytes as they are, without a length.</summary>
    public void SendRaw(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    public void SendFrame(ReadOnlySpan<byte> frame)
    {
        byte[] whole = new byte[4 + frame.Length];
        BinaryPrimitives.WriteInt32BigEndian(whole, frame.Length);
        frame.CopyTo(whole.AsSpan(4));
        SendRaw(whole);
    }

    /// <summary>The next frame without its length; null when the broker closed the connection instead.</summary>
    public byte[]? ReceiveFrame()
    {
        byte[] length = new byte[4];
        if (!Fill(length))
        {
            return null;
        }
        byte[] frame = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        return Fill(frame) ? frame : null;
    }

    /// <summary>Sends and waits for the answer, which must be there and have the same correlation id.</summary>
    public byte[] Exchange(ReadOnlySpan<byte> frame)
    {
        SendFrame(frame);
        byte[] answer = ReceiveFrame() ?? throw new HarnessException("the broker closed the connection");
        int sent = BinaryPrimitives.ReadInt32BigEndian(frame[4..]);
        int received = BinaryPrimitives.ReadInt32BigEndian(answer);
        return sent == received
            ? answer
            : throw new HarnessException($"correlation id {received} answers a request with {sent}");
    }

    /// <summary>True when the broker closed the connection; false when it sent something.</summary>
    public bool IsClosedByBroker() => !Fill(new byte[1]);

    public void Dispose() => _socket.Dispose();

    private bool Fill(Span<byte> target)
    {
        try
        {
            while (target.Length > 0)
            {
                int received = _socket.Receive(target);
                if (received == 0)
                {
                    return false;
                }
                target = target[received..];
            }
            return true;
        }
        catch (SocketException reset) when (reset.SocketErrorCode is SocketError.ConnectionReset)
        {
            return false;
        }
    }
}
