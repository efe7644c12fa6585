using Aot.Broker.Base;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Appending;

/// <summary>Somebody who waits until an offset is written or committed.</summary>
internal struct Waiter
{
    public long LastOffset;
    public long Token;
    public IAppendTarget Target;
    public ErrorCode Error;
}

/// <summary>
/// Who waits for a log's writes. What has become true (or failed) is only noted; <see cref="Deliver"/> calls, once per
/// turn, after the waiting fetches were served. Offsets arrive ascending, so that the head decides; a repetition of an
/// older batch may wait a little longer than it has to, never shorter.
/// </summary>
internal sealed class LogWaiters(NodePool<Waiter> nodes)
{
    private NodeList<Waiter> _written;
    private NodeList<Waiter> _committed;
    private NodeList<Waiter> _ready;

    public bool HasReady => _ready.Count > 0;

    public bool IsEmpty => _written.Count == 0 && _committed.Count == 0 && _ready.Count == 0;

    /// <summary>One that waits for a write; everything below <paramref name="writtenEnd"/> is written already.</summary>
    [HotPath]
    public void AddWritten(in Waiter waiter, long writtenEnd) => Add(ref _written, waiter, writtenEnd);

    /// <summary>One that waits for the high watermark, which is at <paramref name="committedEnd"/>.</summary>
    [HotPath]
    public void AddCommitted(in Waiter waiter, long committedEnd) => Add(ref _committed, waiter, committedEnd);

    /// <summary>Everything below these offsets is written, and committed.</summary>
    [HotPath]
    public void Complete(long writtenEnd, long committedEnd)
    {
        MoveBelow(ref _written, writtenEnd);
        MoveBelow(ref _committed, committedEnd);
    }

    /// <summary>What was to be at or after this offset will not be.</summary>
    public void Fail(long fromOffset, ErrorCode error)
    {
        FailIn(ref _written, fromOffset, error);
        FailIn(ref _committed, fromOffset, error);
    }

    /// <summary>Takes a waiter out before it was called. False: it is not here any more, or ready to be called.</summary>
    public bool Cancel(IAppendTarget target, long token) =>
        CancelIn(ref _written, target, token) || CancelIn(ref _committed, target, token);

    /// <summary>Calls those that are ready now; what a callback adds waits for the next turn.</summary>
    [HotPath]
    public void Deliver()
    {
        for (int count = _ready.Count; count > 0; count--)
        {
            Waiter waiter = _ready.Take(nodes);
            waiter.Target.OnAppended(waiter.Token, waiter.Error);
        }
    }

    [HotPath]
    private void Add(ref NodeList<Waiter> waiting, in Waiter waiter, long end)
    {
        if (waiter.Error != ErrorCode.None || waiter.LastOffset < end)
        {
            _ready.Add(nodes) = waiter;
        }
        else
        {
            waiting.Add(nodes) = waiter;
        }
    }

    [HotPath]
    private void MoveBelow(ref NodeList<Waiter> from, long end)
    {
        while (from.Count > 0 && from.First(nodes).LastOffset < end)
        {
            Waiter waiter = from.Take(nodes);
            _ready.Add(nodes) = waiter;
        }
    }

    private bool CancelIn(ref NodeList<Waiter> from, IAppendTarget target, long token)
    {
        bool found = false;
        for (int count = from.Count; count > 0; count--)
        {
            Waiter waiter = from.Take(nodes);
            if (!found && waiter.Token == token && ReferenceEquals(waiter.Target, target))
            {
                found = true;
            }
            else
            {
                from.Add(nodes) = waiter;
            }
        }
        return found;
    }

    private void FailIn(ref NodeList<Waiter> from, long fromOffset, ErrorCode error)
    {
        for (int count = from.Count; count > 0; count--)
        {
            Waiter waiter = from.Take(nodes);
            if (waiter.LastOffset >= fromOffset)
            {
                waiter.Error = error;
                _ready.Add(nodes) = waiter;
            }
            else
            {
                from.Add(nodes) = waiter;
            }
        }
    }
}
