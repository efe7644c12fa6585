using Aot.Broker.Base;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage;

/// <summary>Whose the data directories of one process are: one node's of one cluster, each with an id of its own.</summary>
internal static class DirectoryIdentities
{
    /// <exception cref="DataDirectoryException">They do not belong together.</exception>
    public static void Check(IReadOnlyList<LogDirectory> directories)
    {
        HashSet<KafkaUuid> ids = [];
        MetaProperties? first = null;
        foreach (LogDirectory directory in directories)
        {
            if (directory.Meta is not { } meta)
            {
                continue;
            }
            first ??= meta;
            if (meta.ClusterId != first.ClusterId || meta.NodeId != first.NodeId)
            {
                throw new DataDirectoryException(
                    DataDirectoryProblem.NotOurs,
                    $"the data directories belong to different nodes or clusters: {directories[0].Path} and {directory.Path}"
                );
            }
            if (!meta.DirectoryId.IsZero && !ids.Add(meta.DirectoryId))
            {
                throw new DataDirectoryException(
                    DataDirectoryProblem.NotOurs,
                    $"two data directories have the same directory.id {meta.DirectoryId}"
                );
            }
        }
    }
}
