using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>
/// The seam through which the outside world enters a core: network, file completions, clock, wake-up and randomness.
/// Three implementations: io_uring, epoll, and the deterministic simulator of the tests.
/// </summary>
/// <remarks>
/// Owner: one core; every member but <see cref="Wake"/> is called on that core's thread only.
/// Invariants: a callback runs from <see cref="Dispatch"/>, never from inside the call that caused it; at most one
/// receive per connection is outstanding; a buffer given to the kernel stays with the connection until the answer or
/// <see cref="IConnectionEvents.OnClosed"/>, whichever comes; a completion of a closed connection is dropped.
/// Errors: values, -errno where a count is the normal result. EINTR never gets out.
/// </remarks>
public abstract class CoreIo : IDisposable
{
    private Core? _core;

    /// <summary>"io_uring", "epoll" or "simulated".</summary>
    public abstract string Name { get; }

    /// <summary>System calls that this seam made by itself (waits, receives, sends); the simulator counts calls.</summary>
    public long SystemCalls { get; protected set; }

    /// <summary>Connections that are attached and not yet fully closed.</summary>
    public abstract int Connections { get; }

    /// <summary>The core that this seam belongs to.</summary>
    protected Core Core => _core!;

    /// <summary>Called once by the core's constructor, before anything else.</summary>
    internal void Bind(Core core)
    {
        Invariant.That(_core is null);
        _core = core;
    }

    /// <summary>Called once on the core's own thread before the first turn.</summary>
    public abstract void Start();

    // Network ------------------------------------------------------------------------------------------------------

    /// <summary>A listening socket (SO_REUSEADDR). Port 0 picks a free one; <paramref name="bound"/> says which.</summary>
    public abstract Errno Listen(IPEndPoint endpoint, int backlog, out Fd listener, out IPEndPoint bound);

    /// <summary>Accepts until <see cref="StopAccept"/>; each connection is one call of the target.</summary>
    public abstract void Accept(Fd listener, IAcceptTarget target);

    /// <summary>Stops accepting and closes the listening socket.</summary>
    public abstract void StopAccept(Fd listener);

    /// <summary>Takes over a connected, non-blocking socket (all that accepting gives are) and sets TCP_NODELAY. The seam closes it at <see cref="Close"/>.</summary>
    public abstract IoHandle Attach(Fd socket, IConnectionEvents events);

    /// <summary>
    /// Asks for the next bytes in a pooled buffer. At most one receive (of either form) is outstanding per connection;
    /// not asking again is back-pressure. An idle connection holds no buffer.
    /// </summary>
    public abstract void Receive(IoHandle connection);

    /// <summary>Asks for bytes straight into the caller's buffer at [offset, offset + length): answered with 1 or more.</summary>
    public abstract void ReceiveInto(IoHandle connection, BufferHandle buffer, int offset, int length);

    /// <summary>
    /// Sends what the socket takes now: bytes &gt;= 0, or -errno; -EAGAIN = nothing, arm writability.
    /// <paramref name="more"/> = more follows at once (MSG_MORE).
    /// </summary>
    public abstract long TrySend(IoHandle connection, ReadOnlySpan<IoPiece> pieces, bool more);

    /// <summary>As TrySend, from a file's page cache. The caller made sure that the pages are there.</summary>
    public abstract long TrySendFile(IoHandle connection, Fd file, long position, long length, bool more);

    /// <summary>One <see cref="IConnectionEvents.OnWritable"/> when the socket takes bytes again.</summary>
    public abstract void ArmWritable(IoHandle connection);

    /// <summary>Cancels what is outstanding and closes the socket; then OnClosed. Call it once.</summary>
    public abstract void Close(IoHandle connection);

    public abstract IPEndPoint LocalEndPoint(IoHandle connection);

    public abstract IPEndPoint RemoteEndPoint(IoHandle connection);

    // Files: what may block a core, done elsewhere -------------------------------------------------------------------

    /// <summary>fsync or fdatasync without blocking the core.</summary>
    public abstract void SyncFile(Fd file, bool dataOnly, IFileTarget target, long token);

    /// <summary>Brings a range into the page cache. Done = it is there (or the error); asking too much is harmless.</summary>
    public abstract void ReadAhead(Fd file, long position, long length, IFileTarget target, long token);

    // Clock and chance -----------------------------------------------------------------------------------------------

    /// <summary>Nanoseconds of a clock that never steps.</summary>
    public abstract long MonotonicNanos();

    /// <summary>A cheap monotonic clock of some milliseconds' resolution, read after every callback to find stalls.</summary>
    public abstract long CoarseNanos();

    /// <summary>Milliseconds since the epoch.</summary>
    public abstract long WallMillis();

    public abstract ulong Random();

    // The loop's own -------------------------------------------------------------------------------------------------

    /// <summary>Runs callbacks of what has completed; returns how many. Never blocks and never enters the kernel to wait.</summary>
    public abstract int Dispatch();

    /// <summary>
    /// Hands queued submissions to the kernel and collects completions, waiting for at least one, or a wake-up, or the
    /// monotonic deadline. A deadline at or before now does not wait.
    /// </summary>
    public abstract void SubmitAndWait(long deadlineNanos);

    /// <summary>Wakes this seam's waiting core. Any thread.</summary>
    public abstract void Wake();

    /// <summary>Wakes another core of the same group from this one; may be sent with the next <see cref="FlushWakes"/>.</summary>
    public virtual void WakePeer(CoreIo peer) => peer.Wake();

    /// <summary>Makes sure that wake-ups of <see cref="WakePeer"/> are on their way.</summary>
    public virtual void FlushWakes() { }

    /// <summary>Runs on the core's thread after the last turn: closes all, waits until the kernel holds no buffer.</summary>
    public abstract void Dispose();
}
