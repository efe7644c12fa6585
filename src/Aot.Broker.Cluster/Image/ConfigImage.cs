using System.Collections.Immutable;
using Aot.Broker.Cluster.Configs;

namespace Aot.Broker.Cluster;

/// <summary>A thing with settings. The empty name of a broker stands for all brokers.</summary>
public readonly record struct ConfigResource(ConfigResourceKind Type, string Name) : IComparable<ConfigResource>
{
    public static ConfigResource Topic(string name) => new(ConfigResourceKind.Topic, name);

    public static ConfigResource Broker(int id) => new(ConfigResourceKind.Broker, id.ToString());

    public static ConfigResource AllBrokers => new(ConfigResourceKind.Broker, "");

    public int CompareTo(ConfigResource other)
    {
        // As numbers: an enum's own comparison makes two objects each time.
        int type = ((int)Type).CompareTo((int)other.Type);
        return type != 0 ? type : string.CompareOrdinal(Name, other.Name);
    }
}

/// <summary>
/// The settings that were changed at run time, by resource and name. Immutable. What holds for a broker in the end,
/// with server.properties and defaults beneath, is answered by <see cref="BrokerSettings"/>.
/// </summary>
public sealed class ConfigImage
{
    private static readonly ImmutableSortedDictionary<string, string> None = ImmutableSortedDictionary.Create<
        string,
        string
    >(StringComparer.Ordinal);

    public static ConfigImage Empty { get; } =
        new(ImmutableSortedDictionary<ConfigResource, ImmutableSortedDictionary<string, string>>.Empty);

    internal ConfigImage(
        ImmutableSortedDictionary<ConfigResource, ImmutableSortedDictionary<string, string>> resources
    ) => Resources = resources;

    public ImmutableSortedDictionary<ConfigResource, ImmutableSortedDictionary<string, string>> Resources { get; }

    /// <summary>The settings of a resource; empty when it has none.</summary>
    public ImmutableSortedDictionary<string, string> Of(ConfigResource resource) =>
        Resources.TryGetValue(resource, out ImmutableSortedDictionary<string, string>? settings) ? settings : None;

    public string? Value(ConfigResource resource, string name) =>
        Of(resource).TryGetValue(name, out string? value) ? value : null;

    internal static ImmutableSortedDictionary<string, string> NoSettings => None;
}
