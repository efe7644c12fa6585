using Aot.Broker.Base;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>
/// All mail of one core: the mailboxes to and from every other core, the queue of the helper threads, and what waits
/// for room.
/// </summary>
/// <remarks>
/// Owner: one core, except <see cref="PostFromThread"/>. Order is kept per pair of cores: while control-plane mail waits
/// in the outbox of a target, nothing overtakes it. Bounds: Limits.MailboxSlots per ordered pair, OutboxMax per target.
/// </remarks>
internal sealed class CoreMail(Core core)
{
    /// <summary>Mail taken from one mailbox per turn, so that a busy neighbour does not keep the others waiting.</summary>
    private const int MailPerTurn = 256;

    /// <summary>Control-plane mail waiting for one target. More means that the target is stuck or that we are at fault.</summary>
    private const int OutboxMax = 64 * 1024;

    /// <summary>Who waits for one target before the list grows.</summary>
    private const int RetriesFilled = 64;

    private readonly MpscRing<Mail> _fromThreads = new(Limits.MailboxSlots);
    private readonly SleepFlag _sleep = new();
    private Mailbox[] _to = [];
    private Mailbox[] _from = [];
    private Queue<Mail>[] _outboxes = [];
    private List<ITurnEnd>[] _retries = [];
    private readonly List<ITurnEnd> _runningRetries = new(RetriesFilled);

    /// <summary>Cores that have news from this one since the last <see cref="WakeTouched"/>.</summary>
    private bool[] _isTouched = [];
    private int[] _touched = [];
    private int _touchedCount;
    private int _waitingTargets;

    /// <summary>Joins the cores of a group with a mailbox for every ordered pair, itself included.</summary>
    public static void Connect(IReadOnlyList<Core> cores)
    {
        int count = cores.Count;
        foreach (Core core in cores)
        {
            CoreMail mail = core.Mailboxes;
            mail._to = new Mailbox[count];
            mail._from = new Mailbox[count];
            mail._outboxes = new Queue<Mail>[count];
            mail._retries = new List<ITurnEnd>[count];
            mail._isTouched = new bool[count];
            mail._touched = new int[count];
            for (int i = 0; i < count; i++)
            {
                mail._outboxes[i] = new Queue<Mail>();
                mail._retries[i] = new List<ITurnEnd>(RetriesFilled);
            }
        }
        foreach (Core from in cores)
        {
            foreach (Core to in cores)
            {
                Mailbox mailbox = new(Limits.MailboxSlots);
                from.Mailboxes._to[to.Index.Value] = mailbox;
                to.Mailboxes._from[from.Index.Value] = mailbox;
            }
        }
    }

    [HotPath]
    public bool TryPost(CoreIndex target, in Mail mail)
    {
        int to = target.Value;
        if (_outboxes[to].Count > 0 || !_to[to].TryPost(mail))
        {
            core.Statistics.MailRefused++;
            return false;
        }
        core.Statistics.MailPosted++;
        Touch(to);
        return true;
    }

    public void Post(CoreIndex target, in Mail mail)
    {
        int to = target.Value;
        if (_outboxes[to].Count == 0 && _to[to].TryPost(mail))
        {
            core.Statistics.MailPosted++;
            Touch(to);
            return;
        }
        Invariant.That(_outboxes[to].Count < OutboxMax);
        WaitFor(to);
        _outboxes[to].Enqueue(mail);
        core.Statistics.MailSpilled++;
    }

    public void WhenMailboxDrains(CoreIndex target, ITurnEnd retry)
    {
        WaitFor(target.Value);
        _retries[target.Value].Add(retry);
    }

    /// <summary>A full queue makes a helper thread wait; a core never gets here with a full one. A stopped core drops it.</summary>
    public void PostFromThread(in Mail mail)
    {
        SpinWait patience = default;
        while (!_fromThreads.TryEnqueue(mail))
        {
            Invariant.That(Core.Current is null);
            if (core.HasStopped)
            {
                return;
            }
            patience.SpinOnce();
        }
        // Pairs with SleepFlag.Announce: our mail is visible before we look whether the reader sleeps.
        Interlocked.MemoryBarrier();
        if (_sleep.TakeWake())
        {
            core.Io.Wake();
        }
    }

    /// <summary>Runs received mail, a bounded number per sender.</summary>
    [HotPath]
    public void Drain()
    {
        for (int from = 0; from < _from.Length; from++)
        {
            Mailbox mailbox = _from[from];
            int taken = 0;
            while (taken < MailPerTurn && mailbox.TryTake(out Mail mail))
            {
                taken++;
                Deliver(mail);
            }
            if (taken > 0 && mailbox.SenderWaits)
            {
                Touch(from);
            }
        }
        for (int taken = 0; taken < MailPerTurn && _fromThreads.TryDequeue(out Mail mail); taken++)
        {
            Deliver(mail);
        }
    }

    /// <summary>Moves waiting mail into mailboxes that have room again, and runs those who wait for room.</summary>
    public void RetryWaiting()
    {
        if (_waitingTargets == 0)
        {
            return;
        }
        for (int to = 0; to < _to.Length; to++)
        {
            if (IsWaitingFor(to) && _to[to].HasRoom)
            {
                _waitingTargets--;
                _to[to].SetSenderWaits(false);
                RetryOne(to);
            }
        }
    }

    /// <summary>Wakes those who sleep among the cores that have news from us; called after each part of the turn.</summary>
    [HotPath]
    public void WakeTouched()
    {
        if (_touchedCount == 0)
        {
            return;
        }
        // Pairs with SleepFlag.Announce: our mail is visible before we look whether the reader sleeps.
        Interlocked.MemoryBarrier();
        for (int i = 0; i < _touchedCount; i++)
        {
            int to = _touched[i];
            _isTouched[to] = false;
            Core peer = core.Peers[to];
            if (peer != core && peer.Mailboxes._sleep.TakeWake())
            {
                core.Statistics.WakesSent++;
                core.Io.WakePeer(peer.Io);
            }
        }
        _touchedCount = 0;
        core.Io.FlushWakes();
    }

    /// <summary>Announces sleep, then looks once more: false = there is mail or room, do not sleep.</summary>
    public bool TryFallAsleep()
    {
        _sleep.Announce();
        if (HasWork())
        {
            _sleep.Retract();
            return false;
        }
        return true;
    }

    public void AwakeAgain() => _sleep.Retract();

    private bool HasWork()
    {
        if (!_fromThreads.IsEmpty)
        {
            return true;
        }
        for (int i = 0; i < _from.Length; i++)
        {
            if (!_from[i].IsEmpty || (_waitingTargets > 0 && IsWaitingFor(i) && _to[i].HasRoom))
            {
                return true;
            }
        }
        return false;
    }

    private void Deliver(in Mail mail)
    {
        core.Statistics.MailReceived++;
        IMailTarget target = mail.Target!;
        target.Receive(core, mail);
        core.Ran(TurnPart.Mail, target);
    }

    private void RetryOne(int to)
    {
        Queue<Mail> outbox = _outboxes[to];
        while (outbox.TryPeek(out Mail mail))
        {
            if (!_to[to].TryPost(mail))
            {
                MarkWaiting(to);
                return;
            }
            outbox.Dequeue();
            core.Statistics.MailPosted++;
            Touch(to);
        }
        Invariant.That(_runningRetries.Count == 0);
        _runningRetries.AddRange(_retries[to]);
        _retries[to].Clear();
        foreach (ITurnEnd retry in _runningRetries)
        {
            retry.OnTurnEnd();
            core.Ran(TurnPart.Mail, retry);
        }
        _runningRetries.Clear();
    }

    private void WaitFor(int to)
    {
        if (!IsWaitingFor(to))
        {
            MarkWaiting(to);
        }
    }

    private void MarkWaiting(int to)
    {
        _waitingTargets++;
        _to[to].SetSenderWaits(true);
    }

    private bool IsWaitingFor(int to) => _outboxes[to].Count > 0 || _retries[to].Count > 0;

    [HotPath]
    private void Touch(int to)
    {
        if (!_isTouched[to])
        {
            _isTouched[to] = true;
            _touched[_touchedCount++] = to;
        }
    }
}
