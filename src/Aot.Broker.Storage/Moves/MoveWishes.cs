using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage.Moves;

/// <summary>Where partitions are wanted that are elsewhere, or not here at all yet.</summary>
/// <remarks>Any thread.</remarks>
public sealed class MoveWishes
{
    private readonly object _gate = new();
    private readonly Dictionary<TopicPartition, LogDirectory> _preferred = [];
    private readonly Dictionary<TopicPartition, List<(LogDirectory, string)>> _futures = [];

    /// <summary>Where a partition goes that is not here yet, if it comes in the life of this process.</summary>
    public void Prefer(TopicPartition name, LogDirectory directory)
    {
        lock (_gate)
        {
            _preferred[name] = directory;
        }
    }

    internal LogDirectory? TakePreferred(TopicPartition name)
    {
        lock (_gate)
        {
            return _preferred.Remove(name, out LogDirectory? directory) && !directory.IsOffline ? directory : null;
        }
    }

    internal bool HasFutures
    {
        get
        {
            lock (_gate)
            {
                return _futures.Count > 0;
            }
        }
    }

    /// <summary>A start has found a copy that was not finished.</summary>
    internal void AddFuture(LogDirectory directory, string entry)
    {
        if (LogFileNames.TryParsePartitionDirectory(LogFileNames.Unmarked(entry), out TopicPartition name))
        {
            lock (_gate)
            {
                if (!_futures.TryGetValue(name, out List<(LogDirectory, string)>? found))
                {
                    _futures.Add(name, found = []);
                }
                found.Add((directory, directory.PathOf(entry)));
            }
        }
    }

    /// <summary>The copies of a partition that an earlier process did not finish; each is given out once.</summary>
    internal List<(LogDirectory Directory, string Path)> TakeFutures(TopicPartition name)
    {
        lock (_gate)
        {
            return _futures.Remove(name, out List<(LogDirectory, string)>? found) ? found : [];
        }
    }
}
