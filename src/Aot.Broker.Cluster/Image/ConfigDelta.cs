using System.Collections.Immutable;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>What happened to run-time settings between two images.</summary>
public sealed class ConfigDelta
{
    private readonly ConfigImage _image;
    private readonly SortedDictionary<ConfigResource, ImmutableSortedDictionary<string, string>> _changed = [];

    internal ConfigDelta(ConfigImage image) => _image = image;

    /// <summary>Resources whose settings changed, deleted ones among them.</summary>
    public IReadOnlyCollection<ConfigResource> Changed => _changed.Keys;

    internal void Replay(ConfigRecord record)
    {
        ConfigResource resource = new((ConfigResourceKind)record.ResourceType, record.ResourceName);
        ImmutableSortedDictionary<string, string> settings = _changed.TryGetValue(resource, out var changed)
            ? changed
            : _image.Of(resource);
        _changed[resource] = record.Value is null
            ? settings.Remove(record.Name)
            : settings.SetItem(record.Name, record.Value);
    }

    internal void TopicIsGone(string name)
    {
        ConfigResource resource = ConfigResource.Topic(name);
        if (_changed.ContainsKey(resource) || _image.Resources.ContainsKey(resource))
        {
            _changed[resource] = ConfigImage.NoSettings;
        }
    }

    internal MetadataImage Apply(MetadataImage image)
    {
        var resources = image.Configs.Resources.ToBuilder();
        foreach ((ConfigResource resource, ImmutableSortedDictionary<string, string> settings) in _changed)
        {
            if (settings.IsEmpty)
            {
                resources.Remove(resource);
            }
            else
            {
                resources[resource] = settings;
            }
        }
        return image with { Configs = new ConfigImage(resources.ToImmutable()) };
    }
}
