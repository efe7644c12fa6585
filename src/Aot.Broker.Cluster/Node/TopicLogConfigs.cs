using Aot.Broker.Cluster.Configs;
using Aot.Broker.Storage;

namespace Aot.Broker.Cluster;

/// <summary>
/// A topic's settings in the form that its logs read. Topics without settings of their own share one: that is nearly
/// all of them, and resolving costs tens of microseconds.
/// </summary>
public sealed class TopicLogConfigs(ConfigValues broker)
{
    private LogConfig? _common;

    public LogConfig Of(MetadataImage image, string topic)
    {
        var ofTopic = image.Configs.Of(ConfigResource.Topic(topic));
        return ofTopic.IsEmpty ? _common ??= Make(ofTopic) : Make(ofTopic);
    }

    private LogConfig Make(IReadOnlyDictionary<string, string> ofTopic) =>
        TopicSettings.Resolve(broker, ofTopic).ToLogConfig(broker);
}
