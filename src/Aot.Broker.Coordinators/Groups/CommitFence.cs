using Aot.Broker.Cluster;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>Whether a member whose epoch is behind may still commit for one partition, and what it is told if not.</summary>
internal delegate ErrorCode CommitFence(TopicImage topic, int partition);
