using System.Buffers.Binary;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Perf.Client;

/// <summary>Reads a response's body.</summary>
internal delegate bool ResponseRead<T>(ref WireReader reader, short version, out T response);

/// <summary>Requests as objects, one at a time, for what a load needs before and after it: topics, ids, offsets.</summary>
internal sealed class Caller : IFrameTarget, IDisposable
{
    private readonly EventLoop _loop = new();
    private readonly Connection _connection;
    private byte[]? _answer;
    private int _correlation;

    public Caller(InetEndpoint broker) => _connection = Connection.Open(_loop, broker, this);

    /// <summary>A whole frame: length, header and body.</summary>
    public static byte[] Frame(ApiKey key, short version, int correlation, IWireRequest request)
    {
        const string ClientId = "aot-perf";
        bool isFlexible = ApiKeys.RequestHeaderVersion(key, version) >= 2;
        int header = (3 * sizeof(int)) + sizeof(short) + ClientId.Length + (isFlexible ? 1 : 0);
        byte[] frame = new byte[header + request.Measure(version)];
        WireWriter writer = new(frame);
        writer.WriteInt32(frame.Length - sizeof(int));
        writer.WriteInt16((short)key);
        writer.WriteInt16(version);
        writer.WriteInt32(correlation);
        writer.WriteString(ClientId, compact: false);
        if (isFlexible)
        {
            writer.WriteUVarint(0);
        }
        request.Write(ref writer, version);
        return frame;
    }

    /// <summary>Where the body of an answer begins, behind the correlation id and the tags of its header.</summary>
    public static int BodyAt(ApiKey key, short version) =>
        sizeof(int) + (ApiKeys.ResponseHeaderVersion(key, version) >= 1 ? 1 : 0);

    public T Call<T>(ApiKey key, short version, IWireRequest request, ResponseRead<T> read)
    {
        _answer = null;
        _connection.Send(Frame(key, version, ++_correlation, request));
        while (_answer is null)
        {
            _loop.Turn(long.MaxValue);
        }
        int correlation = BinaryPrimitives.ReadInt32BigEndian(_answer);
        WireReader reader = new(_answer.AsSpan(BodyAt(key, version)));
        return correlation == _correlation && read(ref reader, version, out T response)
            ? response
            : throw new LoadException($"the broker's answer to {key} version {version} cannot be read");
    }

    public void Dispose()
    {
        _connection.Dispose();
        _loop.Dispose();
    }

    void IFrameTarget.OnFrame(Connection connection, ReadOnlySpan<byte> frame) => _answer = frame.ToArray();

    void IFrameTarget.OnLost(Connection connection, string why) =>
        throw new LoadException($"the connection to the broker was lost: {why}");
}

/// <summary>The load could not do its work, or what it read is wrong; exit code 1.</summary>
internal sealed class LoadException(string message) : Exception(message);
