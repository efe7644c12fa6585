using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Appending;

/// <summary>A waiter for the control plane's await.</summary>
internal sealed class CommitTask : IAppendTarget
{
    private readonly TaskCompletionSource<ErrorCode> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<ErrorCode> Task => _done.Task;

    public void OnAppended(long token, ErrorCode error) => _done.TrySetResult(error);
}
