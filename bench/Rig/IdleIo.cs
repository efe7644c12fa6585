using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Reactor;

namespace Aot.Broker.Bench.Rig;

/// <summary>
/// A core's I/O without a network, for a core that a benchmark steps: its clock stands until it is moved, and a sync is
/// done at the beginning of the next turn.
/// </summary>
internal sealed class IdleIo : CoreIo
{
    private readonly Queue<(Fd File, bool DataOnly, IFileTarget Target, long Token)> _syncs = new();
    private ulong _random = 0x9E3779B97F4A7C15UL;

    public long Nanos { get; set; } = 1_000_000_000;

    public override string Name => "idle";

    public override int Connections => 0;

    public override void Start() { }

    public override Errno Listen(IPEndPoint endpoint, int backlog, out Fd listener, out IPEndPoint bound) =>
        throw NoNetwork();

    public override void Accept(Fd listener, IAcceptTarget target) => throw NoNetwork();

    public override void StopAccept(Fd listener) => throw NoNetwork();

    public override IoHandle Attach(Fd socket, IConnectionEvents events) => throw NoNetwork();

    public override void Receive(IoHandle connection) => throw NoNetwork();

    public override void ReceiveInto(IoHandle connection, BufferHandle buffer, int offset, int length) =>
        throw NoNetwork();

    public override long TrySend(IoHandle connection, ReadOnlySpan<IoPiece> pieces, bool more) => throw NoNetwork();

    public override long TrySendFile(IoHandle connection, Fd file, long position, long length, bool more) =>
        throw NoNetwork();

    public override void ArmWritable(IoHandle connection) => throw NoNetwork();

    public override void Close(IoHandle connection) => throw NoNetwork();

    public override IPEndPoint LocalEndPoint(IoHandle connection) => throw NoNetwork();

    public override IPEndPoint RemoteEndPoint(IoHandle connection) => throw NoNetwork();

    public override void SyncFile(Fd file, bool dataOnly, IFileTarget target, long token) =>
        _syncs.Enqueue((file, dataOnly, target, token));

    public override void ReadAhead(Fd file, long position, long length, IFileTarget target, long token) =>
        throw Invariant.Unreachable("nothing in a benchmark is cold");

    public override long MonotonicNanos() => Nanos;

    public override long CoarseNanos() => Nanos;

    public override long WallMillis() => SampleBatches.TimestampMs + (Nanos / 1_000_000);

    public override ulong Random()
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        return _random ^= _random << 17;
    }

    public override int Dispatch()
    {
        int count = _syncs.Count;
        for (int i = 0; i < count; i++)
        {
            (Fd file, bool dataOnly, IFileTarget target, long token) = _syncs.Dequeue();
            target.OnFileDone(token, -(long)Core.Disk.Sync(file, dataOnly));
        }
        return count;
    }

    public override void SubmitAndWait(long deadlineNanos) { }

    public override void Wake() { }

    public override void Dispose() { }

    private static InvalidOperationException NoNetwork() => new("a benchmark's core has no network");
}
