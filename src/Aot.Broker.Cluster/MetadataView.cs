using Aot.Broker.Cluster.Configs;
using Aot.Broker.Reactor;

namespace Aot.Broker.Cluster;

/// <summary>
/// What a core knows of the cluster: <c>core.Get&lt;MetadataView&gt;()</c>. Owned by its core; only the node replaces
/// what is in it, on that core.
/// </summary>
public sealed class MetadataView(ConfigValues startedWith)
{
    public MetadataImage Image { get; internal set; } = MetadataImage.Empty;

    /// <summary>This broker's settings, dynamic ones included; new before listeners hear of the change.</summary>
    public ConfigValues Settings { get; internal set; } = startedWith;

    /// <summary>What this broker was started with, without dynamic settings.</summary>
    public ConfigValues StartedWith { get; } = startedWith;
}

/// <summary>
/// Is told of every new image on every core, in order and before the request that caused it is answered. The core's
/// <see cref="MetadataView.Image"/> changes after all listeners of that core returned, so that what an image promises
/// (an open log for each partition of this broker) is there when a handler reads the image.
/// </summary>
public interface IMetadataListener
{
    ValueTask OnImageAsync(Core core, MetadataImage previous, MetadataImage current, MetadataDelta delta);
}
