using System.Buffers.Binary;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Simulation.Tests;

internal delegate bool ResponseRead<T>(ref WireReader reader, short version, out T response);

/// <summary>
/// One connection of a client that speaks Kafka's protocol. Several requests may be under way; answers have to come in
/// their order, and soon enough.
/// </summary>
internal sealed class WireClient
{
    private const long PatienceNanos = 60_000_000_000;

    private static readonly Dictionary<ApiKey, string> s_names = Enum.GetValues<ApiKey>()
        .ToDictionary(k => k, k => k.ToString());

    private readonly World _world;
    private readonly ClientSocket _socket;
    private readonly Queue<Pending> _pending = new();
    private Task _sending = Task.CompletedTask;
    private int _correlationId;
    private bool _isLost;

    private sealed class Pending(int correlationId, ApiKey key)
    {
        public int CorrelationId { get; } = correlationId;
        public ApiKey Key { get; } = key;
        public TaskCompletionSource<byte[]> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private WireClient(World world, ClientSocket socket)
    {
        _world = world;
        _socket = socket;
    }

    public bool IsLost => _isLost || _socket.IsBroken;

    /// <summary>Tries until there is a broker, or there is no use any more: then null.</summary>
    public static async Task<WireClient?> ConnectAsync(World world, Func<bool> isInVain)
    {
        while (!isInVain())
        {
            if (await world.Network.ConnectAsync(SimulatedBroker.Port) is { } socket)
            {
                WireClient client = new(world, socket);
                _ = world.Start(client.ReceiveAllAsync);
                return client;
            }
            await world.DelayAsync(world.Random.Between(1_000_000L, 20_000_000));
        }
        return null;
    }

    /// <exception cref="ConnectionLost">Nobody knows what became of the request.</exception>
    public async Task<T> CallAsync<T>(ApiKey key, short version, IWireRequest request, ResponseRead<T> read)
    {
        if (IsLost)
        {
            throw new ConnectionLost();
        }
        Pending pending = new(++_correlationId, key);
        _pending.Enqueue(pending);
        _world.Note("ask", pending.CorrelationId, version, s_names[key]);
        _world.Schedule(PatienceNanos, "patience ends", () => CheckAnswered(pending));
        // Frames go out one behind the other, also where one has to wait for room.
        Task before = _sending;
        _sending = SendBehindAsync(before, Frame(key, version, pending.CorrelationId, request));
        byte[] answer = await pending.Answer.Task;
        return Parse(answer, key, version, read);
    }

    public void Close()
    {
        Lose();
        _socket.Close();
    }

    private async Task SendBehindAsync(Task before, byte[] frame)
    {
        await before;
        try
        {
            await _socket.SendAsync(frame);
        }
        catch (ConnectionLost)
        {
            Lose();
        }
    }

    private async Task ReceiveAllAsync()
    {
        byte[] prefix = new byte[8];
        try
        {
            while (await _socket.ReceiveAsync(prefix.AsMemory(0, 4)))
            {
                int length = BinaryPrimitives.ReadInt32BigEndian(prefix);
                _world.Check(length is >= 4 and < 64 * 1024 * 1024, $"an answer of {length} bytes");
                byte[] answer = new byte[length];
                if (!await _socket.ReceiveAsync(answer))
                {
                    break;
                }
                int correlationId = BinaryPrimitives.ReadInt32BigEndian(answer);
                if (_isLost)
                {
                    return;
                }
                _world.Check(_pending.Count > 0, $"answer {correlationId} to no request");
                Pending pending = _pending.Dequeue();
                _world.Check(
                    pending.CorrelationId == correlationId,
                    $"answer {correlationId} where {pending.CorrelationId} ({pending.Key}) is due"
                );
                _world.Note("answer", correlationId, length, s_names[pending.Key]);
                pending.Answer.SetResult(answer);
            }
        }
        catch (ConnectionLost)
        {
            // Those who wait hear it below.
        }
        Lose();
    }

    private void CheckAnswered(Pending pending)
    {
        if (!pending.Answer.Task.IsCompleted && !IsLost)
        {
            _world.Fail($"no answer to {pending.Key} {pending.CorrelationId} within {PatienceNanos / 1e9} s");
        }
    }

    private void Lose()
    {
        _isLost = true;
        while (_pending.TryDequeue(out Pending? pending))
        {
            pending.Answer.TrySetException(new ConnectionLost());
        }
    }

    private T Parse<T>(byte[] answer, ApiKey key, short version, ResponseRead<T> read)
    {
        WireReader reader = new(answer);
        reader.ReadInt32();
        if (ApiKeys.ResponseHeaderVersion(key, version) >= 1)
        {
            reader.SkipTags();
        }
        bool isRead = read(ref reader, version, out T response);
        _world.Check(isRead && reader.Remaining == 0, $"an answer to {key} v{version} cannot be read");
        if (_world.Device.Broken != BrokenRules.None)
        {
            BrokenAnswers.Apply(_world, response!);
        }
        return response;
    }

    private static byte[] Frame(ApiKey key, short version, int correlationId, IWireRequest request)
    {
        const string clientId = "sim";
        bool isFlexible = ApiKeys.RequestHeaderVersion(key, version) >= 2;
        byte[] frame = new byte[4 + 8 + 2 + clientId.Length + (isFlexible ? 1 : 0) + request.Measure(version)];
        WireWriter writer = new(frame);
        writer.WriteInt32(frame.Length - 4);
        writer.WriteInt16((short)key);
        writer.WriteInt16(version);
        writer.WriteInt32(correlationId);
        writer.WriteNullableString(clientId, compact: false);
        if (isFlexible)
        {
            writer.WriteUVarint(0);
        }
        request.Write(ref writer, version);
        return frame;
    }
}
