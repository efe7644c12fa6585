using Aot.Broker.Base;

namespace Aot.Broker.Reactor;

/// <summary>
/// Keeps async control-plane code on its core: a continuation goes to the ready queue of the core that awaited.
/// (ConfigureAwait(false) would leave the core for the runtime's thread pool, and has no place in code that runs on one.)
/// </summary>
internal sealed class CoreContext(Core core) : SynchronizationContext, IMailTarget
{
    public override void Post(SendOrPostCallback callback, object? state)
    {
        Core? current = Core.Current;
        if (current == core)
        {
            core.Enqueue(callback, state);
            return;
        }
        Mail mail = new() { Target = this, State = new Continuation(callback, state) };
        if (current is not null && core.IsPeerOf(current))
        {
            current.Post(core.Index, mail);
            return;
        }
        core.PostFromThread(mail);
    }

    public override void Send(SendOrPostCallback callback, object? state)
    {
        // Waiting for another core would block this one.
        Invariant.That(Core.Current == core);
        callback(state);
    }

    public override SynchronizationContext CreateCopy() => this;

    void IMailTarget.Receive(Core receiver, in Mail mail)
    {
        Continuation continuation = (Continuation)mail.State!;
        core.Enqueue(continuation.Callback, continuation.State);
    }

    private sealed record Continuation(SendOrPostCallback Callback, object? State);
}
