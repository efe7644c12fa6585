using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server;

/// <summary>How the topics of coordinators are created: their sizes are settings of the broker, the rest is fixed.</summary>
internal sealed class InternalTopics(ConfigValues settings)
{
    /// <summary>What to create for a name; null when it is no coordinator's topic.</summary>
    public CreateTopicsRequest.CreatableTopic? Settings(string name) =>
        name switch
        {
            TopicImage.GroupMetadataTopic => Make(
                name,
                "offsets.topic.num.partitions",
                "offsets.topic.replication.factor",
                ("cleanup.policy", "compact"),
                ("compression.type", "producer"),
                ("segment.bytes", settings.Text("offsets.topic.segment.bytes")!)
            ),
            TopicImage.TransactionStateTopic => Make(
                name,
                "transaction.state.log.num.partitions",
                "transaction.state.log.replication.factor",
                ("cleanup.policy", "compact"),
                ("compression.type", "uncompressed"),
                ("min.insync.replicas", settings.Text("transaction.state.log.min.isr")!),
                ("unclean.leader.election.enable", "false"),
                ("segment.bytes", settings.Text("transaction.state.log.segment.bytes")!)
            ),
            TopicImage.ShareStateTopic => Make(
                name,
                "share.coordinator.state.topic.num.partitions",
                "share.coordinator.state.topic.replication.factor",
                ("cleanup.policy", "delete"),
                ("compression.type", "producer"),
                ("min.insync.replicas", settings.Text("share.coordinator.state.topic.min.isr")!),
                ("retention.ms", "-1"),
                ("segment.bytes", settings.Text("share.coordinator.state.topic.segment.bytes")!)
            ),
            _ => null,
        };

    private CreateTopicsRequest.CreatableTopic Make(
        string name,
        string partitionsKey,
        string replicationKey,
        params ReadOnlySpan<(string Name, string Value)> configs
    )
    {
        CreateTopicsRequest.CreatableTopic topic = new()
        {
            Name = name,
            NumPartitions = settings.GetInt(partitionsKey),
            ReplicationFactor = (short)settings.GetInt(replicationKey),
        };
        foreach ((string key, string value) in configs)
        {
            topic.Configs.Add(new CreateTopicsRequest.CreatableTopicConfig { Name = key, Value = value });
        }
        return topic;
    }
}
