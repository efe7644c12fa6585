using Aot.Broker.Cluster;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>
/// Ids for producers, each handed out once in the life of the cluster: they come from blocks that the controller gives, one
/// block per core at a time. What is left of a block at a stop is never used. Attached to its core.
/// </summary>
public sealed class ProducerIds(Core core, Controller controller)
{
    private long _next;
    private long _end;
    private Task<bool>? _allocating;

    /// <summary>A new id; -1 when the disk refuses to note the next block of them for now.</summary>
    public async ValueTask<long> NextAsync()
    {
        // Several requests may wait for the same block; whoever finds it used up again asks for the next.
        while (_next == _end)
        {
            if (!await (_allocating ??= AllocateAsync()))
            {
                return -1;
            }
        }
        return _next++;
    }

    private async Task<bool> AllocateAsync()
    {
        try
        {
            (long first, int count) = await controller.AllocateProducerIdsAsync(core);
            if (count > 0)
            {
                _next = first;
                _end = first + count;
            }
            return count > 0;
        }
        finally
        {
            _allocating = null;
        }
    }
}
