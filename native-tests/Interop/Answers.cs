using System.Text.Json;
using Aot.Broker.Harness;
using Aot.Broker.Interop.Tests.Directories;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Interop.Tests;

/// <summary>Requests to one broker, and its answers as JSON by what was asked, to be held against another's.</summary>
internal sealed class Answers : IDisposable
{
    private readonly WireClient _client;
    private int _correlation;

    public Answers(SharedDirectory directory)
    {
        string[] address = directory.Bootstrap.Split(':');
        _client = new WireClient(address[0], int.Parse(address[1]));
    }

    public delegate bool ReadMessage<T>(ref WireReader reader, short version, out T message);

    public Dictionary<string, string> All { get; } = [];

    public T Ask<T>(ApiKey key, short version, IWireRequest request, ReadMessage<T> read)
    {
        byte[] body = new byte[request.Measure(version)];
        WireWriter writer = new(body);
        request.Write(ref writer, version);
        bool isFlexible = ApiKeys.RequestHeaderVersion(key, version) >= 2;
        WireReader reader = new(
            _client.Exchange(WireClient.Request((short)key, version, ++_correlation, body, isFlexible))
        );
        reader.ReadInt32();
        if (ApiKeys.ResponseHeaderVersion(key, version) >= 1)
        {
            Assert.Equal(0u, reader.ReadUVarint());
        }
        Assert.True(read(ref reader, version, out T message), $"the answer of {key} {version} is malformed");
        Assert.Equal(0, reader.Remaining);
        return message;
    }

    public void Keep<T>(string what, ApiKey key, short version, IWireRequest request, ReadMessage<T> read) =>
        Keep(what, key, version, Ask(key, version, request, read));

    public void Keep<T>(string what, ApiKey key, short version, T answer) =>
        All[$"{key} {version}: {what}"] = JsonSerializer.Serialize(answer);

    public static void MustEqual(Dictionary<string, string> theirs, Dictionary<string, string> ours)
    {
        string[] differences =
        [
            .. theirs
                .Where(pair => ours[pair.Key] != pair.Value)
                .Select(pair => $"{pair.Key}\n  theirs {pair.Value}\n  ours   {ours[pair.Key]}"),
        ];
        Assert.True(differences.Length == 0, string.Join('\n', differences));
    }

    public void Dispose() => _client.Dispose();
}
