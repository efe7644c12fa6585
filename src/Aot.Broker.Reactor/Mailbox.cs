using System.Runtime.InteropServices;
using Aot.Broker.Base;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>
/// The two flags of one reader or one mailbox, each on a pair of cache lines of its own.
/// <code>
///   0 ..127  padding
/// 128        Flag      (writers: see the field)
/// 132 ..255  padding
/// </code>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct PaddedFlag
{
    [FieldOffset(128)]
    public int Flag;
}

/// <summary>
/// Whether a core sleeps. The reader says so before it looks at its mailboxes for the last time; a sender looks after
/// it has put the mail in. Each does a full barrier between its store and its load, so at least one of them sees the
/// other: no mail is left behind with everybody asleep. Only one sender gets to wake a sleeping core.
/// </summary>
internal sealed class SleepFlag
{
    /// <summary>1 = sleeps. Set by the reader, taken back by the reader or by the one sender that wakes it.</summary>
    private PaddedFlag _sleeps;

    /// <summary>Reader: from here on, senders wake me. Then look at every mailbox once more.</summary>
    public void Announce()
    {
        Volatile.Write(ref _sleeps.Flag, 1);
        // Pairs with the barrier of the senders (Core.WakeTouched and Core.PostFromThread): our store of the flag is
        // visible before our last look at the mailboxes.
        Interlocked.MemoryBarrier();
    }

    /// <summary>Reader: awake.</summary>
    public void Retract() => Volatile.Write(ref _sleeps.Flag, 0);

    /// <summary>Sender, after a full barrier behind its store of the mail: true = the caller has to wake the reader.</summary>
    public bool TakeWake() => Volatile.Read(ref _sleeps.Flag) != 0 && Interlocked.Exchange(ref _sleeps.Flag, 0) != 0;
}

/// <summary>
/// The way from one core to another: a bounded ring, and whether the sender waits for room in it. The same object is
/// seen by both sides; each calls only its own half.
/// </summary>
internal sealed class Mailbox(int slots)
{
    private readonly SpscRing<Mail> _ring = new(slots);

    /// <summary>1 = the sender has work that found no room. Written by the sender only.</summary>
    private PaddedFlag _senderWaits;

    /// <summary>Sender.</summary>
    [HotPath]
    public bool TryPost(in Mail mail) => _ring.TryEnqueue(mail);

    /// <summary>Sender: at least half of the ring is free, so that a waiting sender is not woken for every slot.</summary>
    public bool HasRoom => _ring.CountEstimate <= slots / 2;

    /// <summary>Sender: wants to hear when there is room. The caller looks at <see cref="HasRoom"/> again before it sleeps.</summary>
    public void SetSenderWaits(bool waits) => Volatile.Write(ref _senderWaits.Flag, waits ? 1 : 0);

    /// <summary>Reader.</summary>
    [HotPath]
    public bool TryTake(out Mail mail) => _ring.TryDequeue(out mail);

    /// <summary>Reader.</summary>
    public bool IsEmpty => _ring.IsEmpty;

    /// <summary>Reader, after it took mail.</summary>
    public bool SenderWaits
    {
        get
        {
            // Pairs with SleepFlag.Announce of the sender, which comes after its SetSenderWaits and before its last
            // look at HasRoom: either we see the flag, or the sender sees the room that we made.
            Interlocked.MemoryBarrier();
            return Volatile.Read(ref _senderWaits.Flag) != 0;
        }
    }
}
