using Aot.Broker.Base;

namespace Aot.Broker.Reactor;

/// <summary>What a delayed operation is watched by: for a partition, two words that its log makes up.</summary>
public readonly record struct WatchKey(ulong High, ulong Low)
{
    public bool Equals(WatchKey other) => High == other.High && Low == other.Low;

    public override int GetHashCode()
    {
        ulong mixed = (High ^ (Low * 0x9E3779B97F4A7C15UL)) * 0xBF58476D1CE4E5B9UL;
        return (int)(mixed >> 32);
    }
}

/// <summary>
/// A request that waits for a condition or for its time, whichever comes first. Lives in one <see cref="Purgatory"/>
/// while it waits; when it has completed it is free to be used again, so its owner can keep it in a pool.
/// </summary>
/// <remarks>
/// Threads: TryComplete runs under the operation's own lock, on whichever thread reports an event; OnComplete and
/// OnExpire run without a lock, OnExpire on the owner core only. It completes exactly once per wait, whoever tries.
/// </remarks>
public abstract class DelayedOperation
{
    /// <summary>Guarded by the operation's lock. Changes at every beginning and end of a wait.</summary>
    internal int Generation;

    /// <summary>Guarded by the operation's lock.</summary>
    internal bool Waiting;

    /// <summary>The entry in the purgatory while it waits; written by the owner core before others can see it.</summary>
    internal int Entry = -1;

    /// <summary>It is in a purgatory and has neither completed nor expired nor been cancelled.</summary>
    public bool IsWaiting => Volatile.Read(ref Waiting);

    /// <summary>True when the condition holds now. Must not call the purgatory.</summary>
    protected abstract bool TryComplete();

    /// <summary>Exactly once: the condition held, or the time ran out (after <see cref="OnExpire"/>). It may wait again from here.</summary>
    protected abstract void OnComplete();

    /// <summary>The time ran out; <see cref="OnComplete"/> follows.</summary>
    protected abstract void OnExpire();

    internal bool Check() => TryComplete();

    internal void Complete() => OnComplete();

    internal void Expire() => OnExpire();
}
