using Aot.Broker.Base;

namespace Aot.Broker.Server;

/// <summary>
/// Objects of one kind that a core uses again and again, the one used last first. It is filled at the start; when more are
/// in use at once than ever before it makes another one, and the place for its return with it.
/// </summary>
/// <remarks>Owner: one core. Bounded by what is in flight on the core's connections.</remarks>
internal sealed class Pool<T>
    where T : class
{
    private readonly Func<T> _make;
    private T[] _free;
    private int _count;
    private int _made;

    public Pool(int filled, Func<T> make)
    {
        _make = make;
        _free = new T[filled];
        for (int i = 0; i < filled; i++)
        {
            _free[i] = make();
        }
        _count = _made = filled;
    }

    [HotPath]
    public T Take() => _count > 0 ? _free[--_count] : MakeSlow();

    [HotPath]
    public void Return(T item)
    {
        Invariant.That(_count < _made);
        _free[_count++] = item;
    }

    /// <summary>Takes those out for which the function says so; the others keep their order.</summary>
    public void TakeWhere(Func<T, bool> isTaken)
    {
        int kept = 0;
        for (int i = 0; i < _count; i++)
        {
            T item = _free[i];
            if (!isTaken(item))
            {
                _free[kept++] = item;
            }
        }
        _count = kept;
    }

    private T MakeSlow()
    {
        _made++;
        if (_made > _free.Length)
        {
            Array.Resize(ref _free, 2 * _free.Length);
        }
        return _make();
    }
}
