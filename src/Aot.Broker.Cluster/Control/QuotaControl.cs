using System.Net;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>Client quotas: what is asked of them and what changes them, over an image.</summary>
public static class QuotaControl
{
    private const string IpAlone =
        "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId";

    private enum MatchKind : sbyte
    {
        Exact = 0,
        Default = 1,
        Any = 2,
    }

    // Keys by kind of entity; those that count bytes or connections take no fractions.
    private static readonly string[] s_clientKeys =
    [
        "producer_byte_rate",
        "consumer_byte_rate",
        "request_percentage",
        "controller_mutation_rate",
    ];
    private static readonly string[] s_ipKeys = ["connection_creation_rate"];
    private static readonly string[] s_fractionalKeys = ["request_percentage", "controller_mutation_rate"];

    internal static ControlPlan<AlterClientQuotasResponse> Alter(MetadataImage image, AlterClientQuotasRequest request)
    {
        List<MetadataRecord> records = [];
        AlterClientQuotasResponse response = new() { Entries = [] };
        HashSet<QuotaEntity> entities = [];
        foreach (AlterClientQuotasRequest.EntryData entry in request.Entries)
        {
            List<MetadataRecord> ofEntry = [];
            QuotaEntity entity = new(
                entry.Entity.Select(static part => new QuotaPart(part.EntityType, part.EntityName))
            );
            ApiError error = entities.Add(entity)
                ? AlterOne(image, entity, entry.Ops, ofEntry)
                : new ApiError(ErrorCode.InvalidRequest, "Duplicate client quota entity in the request.");
            if (!error.IsError && !request.ValidateOnly)
            {
                records.AddRange(ofEntry);
            }
            response.Entries.Add(
                new AlterClientQuotasResponse.EntryData
                {
                    ErrorCode = (short)error.Code,
                    ErrorMessage = error.Message,
                    Entity =
                    [
                        .. entry.Entity.Select(static part => new AlterClientQuotasResponse.EntityData
                        {
                            EntityType = part.EntityType,
                            EntityName = part.EntityName,
                        }),
                    ],
                }
            );
        }
        return new ControlPlan<AlterClientQuotasResponse>(records, response);
    }

    private static ApiError AlterOne(
        MetadataImage image,
        QuotaEntity entity,
        List<AlterClientQuotasRequest.OpData> steps,
        List<MetadataRecord> records
    )
    {
        if (EntityProblem(entity) is { } problem)
        {
            return new ApiError(ErrorCode.InvalidRequest, problem);
        }
        bool isIp = entity.TryGet(QuotaEntity.Ip, out _);
        var quotas = image.Quotas.TryGetValue(entity, out var existing) ? existing : QuotaImage.NoQuotas;
        foreach (AlterClientQuotasRequest.OpData step in steps)
        {
            if (!(isIp ? s_ipKeys : s_clientKeys).Contains(step.Key))
            {
                return new ApiError(ErrorCode.InvalidRequest, $"Invalid configuration key {step.Key}");
            }
            if (step.Remove)
            {
                if (quotas.ContainsKey(step.Key))
                {
                    records.Add(ImageRecords.Quota(entity, step.Key, null));
                }
                continue;
            }
            if (!(step.Value > 0))
            {
                return new ApiError(ErrorCode.InvalidRequest, $"Quota {step.Key} must be greater than 0");
            }
            if (!s_fractionalKeys.Contains(step.Key) && !IsWhole(step.Value, isIp))
            {
                return new ApiError(ErrorCode.InvalidRequest, $"{step.Key} cannot be a fractional value.");
            }
            if (!quotas.TryGetValue(step.Key, out double value) || value != step.Value)
            {
                records.Add(ImageRecords.Quota(entity, step.Key, step.Value));
            }
        }
        return default;
    }

    /// <summary>Whole but for the rounding of a client's arithmetic, and within the key's integer type.</summary>
    private static bool IsWhole(double value, bool isInt32) =>
        value <= (isInt32 ? int.MaxValue : (double)long.MaxValue) && Math.Abs(value - Math.Round(value)) < 1e-6;

    private static string? EntityProblem(QuotaEntity entity)
    {
        if (entity.Parts.Length == 0)
        {
            return "Invalid empty client quota entity";
        }
        for (int i = 0; i < entity.Parts.Length; i++)
        {
            QuotaPart part = entity.Parts[i];
            if (part.Type is not (QuotaEntity.User or QuotaEntity.ClientId or QuotaEntity.Ip))
            {
                return $"Unhandled client quota entity type: {part.Type}";
            }
            if (i > 0 && entity.Parts[i - 1].Type == part.Type)
            {
                return $"Invalid client quota entity, contains duplicate entity type: {part.Type}";
            }
            if (part.Name is { Length: 0 })
            {
                return $"Empty {part.Type} not supported";
            }
        }
        if (!entity.TryGet(QuotaEntity.Ip, out string? ip))
        {
            return null;
        }
        if (entity.Parts.Length > 1)
        {
            return IpAlone;
        }
        return ip is null || IPAddress.TryParse(ip, out _) ? null : $"{ip} is not a valid IP or resolvable host.";
    }

    /// <summary>The answer to DescribeClientQuotas from an image.</summary>
    public static DescribeClientQuotasResponse Describe(MetadataImage image, DescribeClientQuotasRequest request)
    {
        ApiError error = CheckFilter(request);
        if (error.IsError)
        {
            return new DescribeClientQuotasResponse
            {
                ErrorCode = (short)error.Code,
                ErrorMessage = error.Message,
                Entries = null,
            };
        }
        DescribeClientQuotasResponse response = new() { Entries = [], ErrorMessage = null };
        foreach ((QuotaEntity entity, var quotas) in image.Quotas)
        {
            if (!Matches(entity, request))
            {
                continue;
            }
            DescribeClientQuotasResponse.EntryData entry = new()
            {
                Entity =
                [
                    .. entity.Parts.Select(static part => new DescribeClientQuotasResponse.EntityData
                    {
                        EntityType = part.Type,
                        EntityName = part.Name,
                    }),
                ],
            };
            foreach ((string key, double value) in quotas)
            {
                entry.Values.Add(new DescribeClientQuotasResponse.ValueData { Key = key, Value = value });
            }
            response.Entries.Add(entry);
        }
        return response;
    }

    private static ApiError CheckFilter(DescribeClientQuotasRequest request)
    {
        HashSet<string> types = new(StringComparer.Ordinal);
        foreach (DescribeClientQuotasRequest.ComponentData component in request.Components)
        {
            if (component.EntityType.Length == 0)
            {
                return new ApiError(ErrorCode.InvalidRequest, "Invalid empty entity type.");
            }
            if (!types.Add(component.EntityType))
            {
                return new ApiError(
                    ErrorCode.InvalidRequest,
                    $"Entity type {component.EntityType} cannot appear more than once in the filter."
                );
            }
            if (component.EntityType is not (QuotaEntity.User or QuotaEntity.ClientId or QuotaEntity.Ip))
            {
                return new ApiError(ErrorCode.UnsupportedVersion, $"Unsupported entity type {component.EntityType}");
            }
            switch ((MatchKind)component.MatchType)
            {
                case MatchKind.Exact when component.Match is null:
                    return new ApiError(
                        ErrorCode.InvalidRequest,
                        "Request specified MATCH_TYPE_EXACT, but set match string to null."
                    );
                case MatchKind.Default or MatchKind.Any when component.Match is not null:
                    return new ApiError(
                        ErrorCode.InvalidRequest,
                        "Request specified a match type without a value, but also specified a match string."
                    );
                case MatchKind.Exact or MatchKind.Default or MatchKind.Any:
                    break;
                default:
                    return new ApiError(ErrorCode.InvalidRequest, $"Unknown match type {component.MatchType}");
            }
        }
        return types.Contains(QuotaEntity.Ip) && types.Count > 1
            ? new ApiError(
                ErrorCode.InvalidRequest,
                "Invalid entity filter component combination. IP filter component should not be used with user or "
                    + "clientId filter component."
            )
            : default;
    }

    private static bool Matches(QuotaEntity entity, DescribeClientQuotasRequest request)
    {
        foreach (DescribeClientQuotasRequest.ComponentData component in request.Components)
        {
            if (!entity.TryGet(component.EntityType, out string? name))
            {
                return false;
            }
            bool matches = (MatchKind)component.MatchType switch
            {
                MatchKind.Exact => name == component.Match,
                MatchKind.Default => name is null,
                _ => true,
            };
            if (!matches)
            {
                return false;
            }
        }
        return !request.Strict || entity.Parts.Length == request.Components.Count;
    }
}
