using Aot.Broker.Base;

namespace Aot.Broker.Reactor;

/// <summary>The parts of the broker that a core owns (its logs, its connections, its coordinators), one per type.</summary>
/// <remarks>Owner: one core. A type's number is the same on all cores, so finding a part is one array access.</remarks>
internal sealed class Attachments
{
    private object?[] _parts = new object?[16];

    public T? Find<T>()
        where T : class => Key<T>.Number < _parts.Length ? (T?)_parts[Key<T>.Number] : null;

    public void Add<T>(T part)
        where T : class
    {
        int number = Key<T>.Number;
        if (number >= _parts.Length)
        {
            Array.Resize(ref _parts, number * 2);
        }
        Invariant.That(_parts[number] is null);
        _parts[number] = part;
    }

    private static class Keys
    {
        private static int s_last = -1;

        public static int Next() => Interlocked.Increment(ref s_last);
    }

    private static class Key<T>
    {
        public static readonly int Number = Keys.Next();
    }
}
