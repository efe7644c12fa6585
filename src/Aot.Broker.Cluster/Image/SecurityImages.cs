using System.Collections.Immutable;
using Aot.Broker.Base;

namespace Aot.Broker.Cluster;

/// <summary>Whose SCRAM secret: mechanism 1 is SCRAM-SHA-256, 2 is SCRAM-SHA-512.</summary>
public readonly record struct ScramKey(string User, sbyte Mechanism) : IComparable<ScramKey>
{
    public int CompareTo(ScramKey other)
    {
        int user = string.CompareOrdinal(User, other.User);
        return user != 0 ? user : Mechanism.CompareTo(other.Mechanism);
    }
}

/// <summary>What the server keeps of a SCRAM secret (RFC 5802); never the password.</summary>
public sealed record ScramCredentialImage(byte[] Salt, byte[] StoredKey, byte[] ServerKey, int Iterations);

/// <summary>One access rule. The numbers are those of the wire.</summary>
public sealed record AclImage(
    KafkaUuid Id,
    sbyte ResourceType,
    string ResourceName,
    sbyte PatternType,
    string Principal,
    string Host,
    sbyte Operation,
    sbyte PermissionType
);

/// <summary>A delegation token (KIP-48) without its secret, which is derived from the cluster's key.</summary>
public sealed record DelegationTokenImage(
    string TokenId,
    string Owner,
    string Requester,
    string[] Renewers,
    long IssueTimestampMs,
    long MaxTimestampMs,
    long ExpirationTimestampMs
);

/// <summary>
/// What a client quota applies to: a user, a client id, both, or an address. A null name stands for "any without a
/// rule of its own".
/// </summary>
public readonly record struct QuotaPart(string Type, string? Name);

/// <summary>The parts of a quota's entity, sorted by type; equal entities compare equal whatever order they came in.</summary>
public sealed class QuotaEntity : IComparable<QuotaEntity>, IEquatable<QuotaEntity>
{
    public const string User = "user";
    public const string ClientId = "client-id";
    public const string Ip = "ip";

    public QuotaEntity(IEnumerable<QuotaPart> parts)
    {
        Parts = [.. parts];
        Array.Sort(Parts, static (a, b) => string.CompareOrdinal(a.Type, b.Type));
    }

    public QuotaPart[] Parts { get; }

    public bool TryGet(string type, out string? name)
    {
        foreach (QuotaPart part in Parts)
        {
            if (part.Type == type)
            {
                name = part.Name;
                return true;
            }
        }
        name = null;
        return false;
    }

    public int CompareTo(QuotaEntity? other)
    {
        if (other is null)
        {
            return 1;
        }
        for (int i = 0; i < Math.Min(Parts.Length, other.Parts.Length); i++)
        {
            int type = string.CompareOrdinal(Parts[i].Type, other.Parts[i].Type);
            int name = type != 0 ? type : string.CompareOrdinal(Parts[i].Name, other.Parts[i].Name);
            if (name != 0)
            {
                return name;
            }
        }
        return Parts.Length.CompareTo(other.Parts.Length);
    }

    public bool Equals(QuotaEntity? other) => CompareTo(other) == 0;

    public override bool Equals(object? obj) => Equals(obj as QuotaEntity);

    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (QuotaPart part in Parts)
        {
            hash.Add(part);
        }
        return hash.ToHashCode();
    }

    public override string ToString() =>
        string.Join(", ", Parts.Select(part => $"{part.Type}={part.Name ?? "<default>"}"));
}

/// <summary>Quotas of one entity by key (<c>producer_byte_rate</c> ...).</summary>
public sealed class QuotaImage
{
    public static ImmutableSortedDictionary<string, double> NoQuotas { get; } =
        ImmutableSortedDictionary.Create<string, double>(StringComparer.Ordinal);
}
