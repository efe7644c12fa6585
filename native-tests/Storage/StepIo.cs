using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Tests;

/// <summary>A core's I/O without a network: a clock that the test moves, and syncs that complete in the next turn.</summary>
internal sealed class StepIo : CoreIo
{
    private readonly Queue<(Fd File, bool DataOnly, IFileTarget Target, long Token)> _syncs = new();

    public long Nanos { get; set; } = 1_000_000_000;

    public long Wall { get; set; } = 1_700_000_000_000;

    /// <summary>Syncs stay under way while this is set.</summary>
    public bool HoldSyncs { get; set; }

    public int PendingSyncs => _syncs.Count;

    public override string Name => "stepped";

    public override int Connections => 0;

    public override void Start() { }

    public override Errno Listen(IPEndPoint endpoint, int backlog, out Fd listener, out IPEndPoint bound) =>
        throw new NotSupportedException();

    public override void Accept(Fd listener, IAcceptTarget target) => throw new NotSupportedException();

    public override void StopAccept(Fd listener) => throw new NotSupportedException();

    public override IoHandle Attach(Fd socket, IConnectionEvents events) => throw new NotSupportedException();

    public override void Receive(IoHandle connection) => throw new NotSupportedException();

    public override void ReceiveInto(IoHandle connection, BufferHandle buffer, int offset, int length) =>
        throw new NotSupportedException();

    public override long TrySend(IoHandle connection, ReadOnlySpan<IoPiece> pieces, bool more) =>
        throw new NotSupportedException();

    public override long TrySendFile(IoHandle connection, Fd file, long position, long length, bool more) =>
        throw new NotSupportedException();

    public override void ArmWritable(IoHandle connection) => throw new NotSupportedException();

    public override void Close(IoHandle connection) => throw new NotSupportedException();

    public override IPEndPoint LocalEndPoint(IoHandle connection) => throw new NotSupportedException();

    public override IPEndPoint RemoteEndPoint(IoHandle connection) => throw new NotSupportedException();

    public override void SyncFile(Fd file, bool dataOnly, IFileTarget target, long token) =>
        _syncs.Enqueue((file, dataOnly, target, token));

    public override void ReadAhead(Fd file, long position, long length, IFileTarget target, long token) =>
        throw new NotSupportedException();

    public override long MonotonicNanos() => Nanos;

    public override long CoarseNanos() => Nanos;

    public override long WallMillis() => Wall;

    public override ulong Random() => (ulong)System.Random.Shared.NextInt64();

    public override int Dispatch()
    {
        int count = HoldSyncs ? 0 : _syncs.Count;
        for (int i = 0; i < count; i++)
        {
            (Fd file, bool dataOnly, IFileTarget target, long token) = _syncs.Dequeue();
            Errno error = Core.Disk.Sync(file, dataOnly);
            target.OnFileDone(token, -(long)error);
        }
        return count;
    }

    public override void SubmitAndWait(long deadlineNanos) { }

    public override void Wake() { }

    public override void Dispose() { }
}
