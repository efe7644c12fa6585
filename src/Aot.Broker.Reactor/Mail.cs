using Aot.Broker.Base;

namespace Aot.Broker.Reactor;

/// <summary>Whoever a message is for. Runs on the core that the message was posted to, from its loop.</summary>
public interface IMailTarget
{
    void Receive(Core core, in Mail mail);
}

/// <summary>
/// A message between cores, or from a helper thread to a core. It is copied into the mailbox, so posting allocates
/// nothing; what <see cref="Kind"/>, the three numbers and <see cref="State"/> mean is the target's own affair.
/// Mutable objects in <see cref="State"/> change owner with the message.
/// </summary>
public struct Mail
{
    public IMailTarget? Target;
    public int Kind;

    /// <summary>Set by the posting core; -1 from a helper thread.</summary>
    public CoreIndex From;
    public long A;
    public long B;
    public long C;
    public object? State;
}

/// <summary>Work that a core runs once: at the end of the turn, or from its ready queue.</summary>
public interface ITurnEnd
{
    void OnTurnEnd();
}

/// <summary>What a timer of <see cref="TimerWheel"/> calls; the token is what was given to Schedule.</summary>
public interface ITimerTarget
{
    void OnTimer(long token);
}
