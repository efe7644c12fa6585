using System.Collections.Immutable;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>What happened to quotas, credentials, access rules and tokens between two images.</summary>
public sealed class SecurityDelta
{
    private readonly ImmutableSortedDictionary<QuotaEntity, ImmutableSortedDictionary<string, double>>.Builder _quotas;
    private readonly ImmutableSortedDictionary<ScramKey, ScramCredentialImage>.Builder _scram;
    private readonly ImmutableSortedDictionary<KafkaUuid, AclImage>.Builder _acls;
    private readonly ImmutableSortedDictionary<string, DelegationTokenImage>.Builder _tokens;

    internal SecurityDelta(MetadataImage image)
    {
        _quotas = image.Quotas.ToBuilder();
        _scram = image.ScramCredentials.ToBuilder();
        _acls = image.Acls.ToBuilder();
        _tokens = image.DelegationTokens.ToBuilder();
    }

    public bool QuotasChanged { get; private set; }
    public bool ScramChanged { get; private set; }
    public bool AclsChanged { get; private set; }
    public bool TokensChanged { get; private set; }

    internal void Replay(ClientQuotaRecord record)
    {
        List<QuotaPart> parts = [];
        foreach (var part in record.Entity)
        {
            parts.Add(new QuotaPart(part.EntityType, part.EntityName));
        }
        QuotaEntity entity = new(parts);
        ImmutableSortedDictionary<string, double> quotas = _quotas.TryGetValue(entity, out var existing)
            ? existing
            : QuotaImage.NoQuotas;
        quotas = record.Remove ? quotas.Remove(record.Key) : quotas.SetItem(record.Key, record.Value);
        if (quotas.IsEmpty)
        {
            _quotas.Remove(entity);
        }
        else
        {
            _quotas[entity] = quotas;
        }
        QuotasChanged = true;
    }

    internal void Replay(UserScramCredentialRecord record)
    {
        _scram[new ScramKey(record.Name, record.Mechanism)] = new ScramCredentialImage(
            [.. record.Salt],
            [.. record.StoredKey],
            [.. record.ServerKey],
            record.Iterations
        );
        ScramChanged = true;
    }

    internal void Replay(RemoveUserScramCredentialRecord record)
    {
        _scram.Remove(new ScramKey(record.Name, record.Mechanism));
        ScramChanged = true;
    }

    internal void Replay(AccessControlEntryRecord record)
    {
        _acls[record.Id] = new AclImage(
            record.Id,
            record.ResourceType,
            record.ResourceName,
            record.PatternType,
            record.Principal,
            record.Host,
            record.Operation,
            record.PermissionType
        );
        AclsChanged = true;
    }

    internal void Replay(RemoveAccessControlEntryRecord record)
    {
        if (!_acls.Remove(record.Id))
        {
            throw new MetadataLogException($"removal of the unknown access rule {record.Id}");
        }
        AclsChanged = true;
    }

    internal void Replay(DelegationTokenRecord record)
    {
        _tokens[record.TokenId] = new DelegationTokenImage(
            record.TokenId,
            record.Owner,
            record.Requester,
            [.. record.Renewers],
            record.IssueTimestamp,
            record.MaxTimestamp,
            record.ExpirationTimestamp
        );
        TokensChanged = true;
    }

    internal void Replay(RemoveDelegationTokenRecord record)
    {
        _tokens.Remove(record.TokenId);
        TokensChanged = true;
    }

    internal MetadataImage Apply(MetadataImage image) =>
        image with
        {
            Quotas = _quotas.ToImmutable(),
            ScramCredentials = _scram.ToImmutable(),
            Acls = _acls.ToImmutable(),
            DelegationTokens = _tokens.ToImmutable(),
        };
}
