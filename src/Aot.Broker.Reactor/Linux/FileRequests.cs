using Aot.Broker.Base;

namespace Aot.Broker.Reactor;

/// <summary>File operations under way: who asked, by slot. Owner: one core.</summary>
internal sealed class FileRequests
{
    private readonly Stack<int> _free = new(64);
    private (IFileTarget? Target, long Token)[] _requests = new (IFileTarget?, long)[64];
    private int _used;

    public int Count => _used - _free.Count;

    public int Add(IFileTarget target, long token)
    {
        if (!_free.TryPop(out int slot))
        {
            if (_used == _requests.Length)
            {
                Array.Resize(ref _requests, _requests.Length * 2);
            }
            slot = _used++;
        }
        Invariant.That(_requests[slot].Target is null);
        _requests[slot] = (target, token);
        return slot;
    }

    public void Take(int slot, out IFileTarget target, out long token)
    {
        (IFileTarget? asked, token) = _requests[slot];
        Invariant.That(asked is not null);
        target = asked;
        _requests[slot] = default;
        _free.Push(slot);
    }
}
