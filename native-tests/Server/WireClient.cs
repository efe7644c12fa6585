using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Server.Tests;

internal delegate bool ResponseRead<T>(ref WireReader reader, short version, out T response);

/// <summary>A client that sends and receives exactly the bytes that a test wants.</summary>
internal sealed class WireClient(Socket socket) : IDisposable
{
    /// <summary>Longer than anything here takes; a test that waits this long has failed.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    public static async Task<WireClient> ConnectAsync(IPEndPoint endPoint)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(endPoint);
        return new WireClient(socket);
    }

    public void Dispose() => socket.Dispose();

    public static byte[] Frame(
        ApiKey key,
        short version,
        int correlationId,
        IWireRequest request,
        string? clientId = "test"
    )
    {
        byte[] body = new byte[request.Measure(version)];
        WireWriter bodyWriter = new(body);
        request.Write(ref bodyWriter, version);
        return Frame(
            (short)key,
            version,
            correlationId,
            body,
            ApiKeys.RequestHeaderVersion(key, version) >= 2,
            clientId
        );
    }

    public static byte[] Frame(
        short key,
        short version,
        int correlationId,
        ReadOnlySpan<byte> body,
        bool flexible = false,
        string? clientId = "test"
    )
    {
        byte[] frame = new byte[4 + 8 + 2 + (clientId?.Length ?? 0) + (flexible ? 1 : 0) + body.Length];
        WireWriter writer = new(frame);
        writer.WriteInt32(frame.Length - 4);
        writer.WriteInt16(key);
        writer.WriteInt16(version);
        writer.WriteInt32(correlationId);
        writer.WriteNullableString(clientId, compact: false);
        if (flexible)
        {
            writer.WriteUVarint(0);
        }
        writer.WriteSpan(body);
        return frame;
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        using CancellationTokenSource late = new(s_patience);
        while (bytes.Length > 0)
        {
            int sent = await socket.SendAsync(bytes, late.Token);
            bytes = bytes[sent..];
        }
    }

    public Task SendAsync(ApiKey key, short version, int correlationId, IWireRequest request) =>
        SendAsync(Frame(key, version, correlationId, request));

    /// <summary>The next answer without its length, or null when the broker closed the connection.</summary>
    public async Task<byte[]?> ReceiveAsync()
    {
        byte[]? prefix = await ReadAsync(4);
        return prefix is null ? null : await ReadAsync(BinaryPrimitives.ReadInt32BigEndian(prefix));
    }

    public async Task<T> CallAsync<T>(ApiKey key, short version, IWireRequest request, ResponseRead<T> read)
    {
        int correlationId = Random.Shared.Next();
        await SendAsync(key, version, correlationId, request);
        byte[]? answer = await ReceiveAsync();
        Assert.NotNull(answer);
        return Parse(answer, key, version, correlationId, read);
    }

    public static T Parse<T>(byte[] answer, ApiKey key, short version, int correlationId, ResponseRead<T> read)
    {
        WireReader reader = new(answer);
        Assert.Equal(correlationId, reader.ReadInt32());
        if (ApiKeys.ResponseHeaderVersion(key, version) >= 1)
        {
            reader.SkipTags();
        }
        Assert.True(read(ref reader, version, out T response));
        Assert.Equal(0, reader.Remaining);
        return response;
    }

    /// <summary>The broker ended the connection without another answer.</summary>
    public async Task AssertClosedAsync() => Assert.Null(await ReceiveAsync());

    private async Task<byte[]?> ReadAsync(int length)
    {
        using CancellationTokenSource late = new(s_patience);
        byte[] bytes = new byte[length];
        int have = 0;
        while (have < length)
        {
            int got;
            try
            {
                got = await socket.ReceiveAsync(bytes.AsMemory(have), late.Token);
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
            {
                got = 0;
            }
            if (got == 0)
            {
                return null;
            }
            have += got;
        }
        return bytes;
    }
}
