using System.Collections.Immutable;

namespace Aot.Broker.Cluster;

/// <summary>The feature levels that the whole cluster runs with. Immutable.</summary>
public sealed class FeaturesImage
{
    public static FeaturesImage Empty { get; } =
        new(ImmutableSortedDictionary.Create<string, short>(StringComparer.Ordinal));

    internal FeaturesImage(ImmutableSortedDictionary<string, short> finalized) => Finalized = finalized;

    /// <summary>Every level above 0, metadata.version among them; kraft.version lives in the quorum's own records.</summary>
    public ImmutableSortedDictionary<string, short> Finalized { get; }

    public short MetadataVersion => Level(Features.MetadataVersion);

    /// <summary>0 for a feature that is off.</summary>
    public short Level(string feature) => Finalized.TryGetValue(feature, out short level) ? level : (short)0;

    public bool IsElrEnabled => Level(Features.EligibleLeaderReplicas) >= 1;
}
