using System.Runtime.CompilerServices;
using Aot.Broker.Base;

namespace Aot.Broker.Storage.Appending;

/// <summary>
/// The nodes of all lists of one kind on a core: one array, filled at the start, that the lists of ten thousand logs share,
/// so that a log which wakes up or meets a new peak takes nodes instead of allocating. It doubles when all nodes of the
/// core are in use at once, which is bounded by the requests in flight.
/// </summary>
/// <remarks>Owner: one core. A reference to a node is good until the next <see cref="Take"/>.</remarks>
internal sealed class NodePool<T>
    where T : struct
{
    private const int None = -1;

    private Node[] _nodes;
    private int _free = None;
    private int _used;

    private struct Node
    {
        public T Value;
        public int Next;
    }

    public NodePool(int capacity) => _nodes = new Node[capacity];

    public ref T this[int node] => ref _nodes[node].Value;

    public int Next(int node) => _nodes[node].Next;

    public void Link(int node, int next) => _nodes[node].Next = next;

    [HotPath]
    public int Take()
    {
        int node = _free;
        if (node != None)
        {
            _free = _nodes[node].Next;
            return node;
        }
        if (_used == _nodes.Length)
        {
            GrowSlow();
        }
        return _used++;
    }

    [HotPath]
    public void Return(int node)
    {
        if (RuntimeHelpers.IsReferenceOrContainsReferences<T>())
        {
            _nodes[node].Value = default;
        }
        _nodes[node].Next = _free;
        _free = node;
    }

    private void GrowSlow() => Array.Resize(ref _nodes, 2 * _nodes.Length);
}

/// <summary>First in, first out, over the nodes of a pool. The default value is the empty list.</summary>
internal struct NodeList<T>
    where T : struct
{
    private int _head;
    private int _tail;

    public int Count { get; private set; }

    /// <summary>Node of the oldest value; only when there is one.</summary>
    public readonly int Head => _head;

    /// <summary>A new node at the end, for the caller to fill: all fields, since a value without references
    /// keeps those of its last use.</summary>
    [HotPath]
    public ref T Add(NodePool<T> pool)
    {
        int node = pool.Take();
        if (Count == 0)
        {
            _head = node;
        }
        else
        {
            pool.Link(_tail, node);
        }
        _tail = node;
        Count++;
        return ref pool[node];
    }

    [HotPath]
    public T Take(NodePool<T> pool)
    {
        T value = pool[_head];
        RemoveFirst(pool);
        return value;
    }

    [HotPath]
    public void RemoveFirst(NodePool<T> pool)
    {
        Invariant.That(Count > 0);
        int node = _head;
        _head = pool.Next(node);
        Count--;
        pool.Return(node);
    }

    public readonly ref T First(NodePool<T> pool) => ref pool[_head];

    public readonly ref T Last(NodePool<T> pool) => ref pool[_tail];
}
