using System.Collections.Immutable;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>One step of a change to a resource's settings; the numbers are those of the wire.</summary>
internal enum ConfigOperation : sbyte
{
    Set = 0,
    Delete = 1,
    Append = 2,
    Subtract = 3,
}

/// <summary>Changes of run-time settings, as plans over an image.</summary>
internal static class ConfigControl
{
    private const string MinInsyncReplicas = "min.insync.replicas";

    private readonly record struct Step(string Name, ConfigOperation Operation, string? Value);

    public static ControlPlan<IncrementalAlterConfigsResponse> AlterIncrementally(
        MetadataImage image,
        ControlFacts facts,
        IncrementalAlterConfigsRequest request
    )
    {
        List<MetadataRecord> records = [];
        IncrementalAlterConfigsResponse response = new() { Responses = [] };
        Dictionary<ConfigResource, int> mentions = [];
        foreach (IncrementalAlterConfigsRequest.AlterConfigsResource resource in request.Resources)
        {
            ConfigResource key = new((ConfigResourceKind)resource.ResourceType, resource.ResourceName);
            mentions[key] = mentions.GetValueOrDefault(key) + 1;
        }
        foreach (IncrementalAlterConfigsRequest.AlterConfigsResource resource in request.Resources)
        {
            ConfigResource key = new((ConfigResourceKind)resource.ResourceType, resource.ResourceName);
            if (mentions[key] == 0)
            {
                continue;
            }
            ApiError error =
                mentions[key] > 1
                    ? new ApiError(ErrorCode.InvalidRequest, "Each resource must appear at most once.")
                    : AlterOne(
                        image,
                        facts,
                        key,
                        [
                            .. resource.Configs.Select(static config => new Step(
                                config.Name,
                                (ConfigOperation)config.ConfigOperation,
                                config.Value
                            )),
                        ],
                        replaceAll: false,
                        request.ValidateOnly ? [] : records
                    );
            mentions[key] = 0;
            response.Responses.Add(
                new IncrementalAlterConfigsResponse.AlterConfigsResourceResponse
                {
                    ResourceType = resource.ResourceType,
                    ResourceName = resource.ResourceName,
                    ErrorCode = (short)error.Code,
                    ErrorMessage = error.Message,
                }
            );
        }
        return new ControlPlan<IncrementalAlterConfigsResponse>(records, response);
    }

    /// <summary>The older form: what is not named goes back to its default.</summary>
    public static ControlPlan<AlterConfigsResponse> Alter(
        MetadataImage image,
        ControlFacts facts,
        AlterConfigsRequest request
    )
    {
        List<MetadataRecord> records = [];
        AlterConfigsResponse response = new() { Responses = [] };
        Dictionary<ConfigResource, int> mentions = [];
        foreach (AlterConfigsRequest.AlterConfigsResource resource in request.Resources)
        {
            ConfigResource key = new((ConfigResourceKind)resource.ResourceType, resource.ResourceName);
            mentions[key] = mentions.GetValueOrDefault(key) + 1;
        }
        foreach (AlterConfigsRequest.AlterConfigsResource resource in request.Resources)
        {
            ConfigResource key = new((ConfigResourceKind)resource.ResourceType, resource.ResourceName);
            if (mentions[key] == 0)
            {
                continue;
            }
            ApiError error =
                mentions[key] > 1
                    ? new ApiError(ErrorCode.InvalidRequest, "Each resource must appear at most once.")
                    : AlterOne(
                        image,
                        facts,
                        key,
                        [
                            .. resource.Configs.Select(static config => new Step(
                                config.Name,
                                ConfigOperation.Set,
                                config.Value
                            )),
                        ],
                        replaceAll: true,
                        request.ValidateOnly ? [] : records
                    );
            mentions[key] = 0;
            response.Responses.Add(
                new AlterConfigsResponse.AlterConfigsResourceResponse
                {
                    ResourceType = resource.ResourceType,
                    ResourceName = resource.ResourceName,
                    ErrorCode = (short)error.Code,
                    ErrorMessage = error.Message,
                }
            );
        }
        return new ControlPlan<AlterConfigsResponse>(records, response);
    }

    private static ApiError AlterOne(
        MetadataImage image,
        ControlFacts facts,
        ConfigResource resource,
        List<Step> steps,
        bool replaceAll,
        List<MetadataRecord> records
    )
    {
        ApiError error = CheckSteps(steps);
        error = error.IsError ? error : ConfigTargets.Check(image, facts, resource);
        if (error.IsError)
        {
            return error;
        }
        ConfigTable table = ConfigTargets.TableOf(resource.Type);
        ImmutableSortedDictionary<string, string> before = image.Configs.Of(resource);
        ImmutableSortedDictionary<string, string> after = replaceAll ? ConfigImage.NoSettings : before;
        foreach (Step step in steps)
        {
            error = Apply(table, step, ref after);
            if (error.IsError)
            {
                return error;
            }
        }
        error = CheckSettings(image, facts, resource, steps, after);
        error = error.IsError ? error : CheckElr(image, resource, before, after);
        if (error.IsError)
        {
            return error;
        }
        AddRecords(image, resource, before, after, records);
        return default;
    }

    private static ApiError CheckSteps(List<Step> steps)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (Step step in steps)
        {
            if (!names.Add(step.Name))
            {
                return new ApiError(ErrorCode.InvalidRequest, "Error due to duplicate config keys");
            }
        }
        string missing = string.Join(
            ", ",
            steps
                .Where(static step => step.Operation != ConfigOperation.Delete && step.Value is null)
                .Select(static step => step.Name)
        );
        return missing.Length == 0
            ? default
            : new ApiError(ErrorCode.InvalidRequest, $"Null value not supported for : {missing}");
    }

    private static ApiError Apply(ConfigTable table, Step step, ref ImmutableSortedDictionary<string, string> settings)
    {
        switch (step.Operation)
        {
            case ConfigOperation.Set:
                settings = settings.SetItem(step.Name, step.Value!);
                return default;
            case ConfigOperation.Delete:
                settings = settings.Remove(step.Name);
                return default;
            case ConfigOperation.Append:
            case ConfigOperation.Subtract:
                ConfigDefinition? definition = table.Find(step.Name);
                if (definition is not { Type: ConfigType.List })
                {
                    string operation = step.Operation == ConfigOperation.Append ? "APPEND" : "SUBTRACT";
                    return new ApiError(
                        ErrorCode.InvalidConfig,
                        $"Can't {operation} to key {step.Name} because its type is not LIST."
                    );
                }
                List<string> items =
                [
                    .. ConfigValue.Items(settings.GetValueOrDefault(step.Name) ?? definition.Default ?? ""),
                ];
                foreach (string item in ConfigValue.Items(step.Value!))
                {
                    if (step.Operation == ConfigOperation.Subtract)
                    {
                        items.RemoveAll(existing => existing == item);
                    }
                    else if (!items.Contains(item))
                    {
                        items.Add(item);
                    }
                }
                settings = settings.SetItem(step.Name, string.Join(',', items));
                return default;
            default:
                return new ApiError(ErrorCode.InvalidRequest, $"Unknown operation type {(sbyte)step.Operation}");
        }
    }

    private static ApiError CheckSettings(
        MetadataImage image,
        ControlFacts facts,
        ConfigResource resource,
        List<Step> steps,
        ImmutableSortedDictionary<string, string> after
    )
    {
        ConfigValues broker = BrokerSettings.Of(image, facts.NodeId, facts.StartedWith);
        switch (resource.Type)
        {
            case ConfigResourceKind.Topic:
                return Invalid(ConfigRules.TopicProblem(after, broker));
            case ConfigResourceKind.Group:
                return Invalid(ConfigRules.GroupProblem(after, broker));
            case ConfigResourceKind.ClientMetrics:
                string? problem = ConfigRules.ClientMetricsProblem(after, out bool requestIsAtFault);
                return problem is null
                    ? default
                    : new ApiError(requestIsAtFault ? ErrorCode.InvalidRequest : ErrorCode.InvalidConfig, problem);
            case ConfigResourceKind.Broker:
            case ConfigResourceKind.BrokerLogger:
            case ConfigResourceKind.Unknown:
            default:
                return CheckBroker(resource, steps, after, broker);
        }
    }

    private static ApiError CheckBroker(
        ConfigResource resource,
        List<Step> steps,
        ImmutableSortedDictionary<string, string> after,
        ConfigValues broker
    )
    {
        string fixedOnes = NamesOf(
            steps,
            static definition => definition is { IsDynamic: false, IsDynamicOnly: false }
        );
        if (fixedOnes.Length > 0)
        {
            return new ApiError(ErrorCode.InvalidRequest, $"Cannot update these configs dynamically: [{fixedOnes}]");
        }
        string ofOneBroker = NamesOf(steps, static definition => definition.UpdateMode == ConfigUpdateMode.PerBroker);
        if (resource.Name.Length == 0 && ofOneBroker.Length > 0)
        {
            return new ApiError(
                ErrorCode.InvalidRequest,
                $"Cannot update these configs at default cluster level, broker id must be specified: [{ofOneBroker}]"
            );
        }
        return ConfigRules.BrokerProblem(after, broker) is { } problem
            ? new ApiError(ErrorCode.InvalidRequest, problem)
            : default;
    }

    private static string NamesOf(List<Step> steps, Func<ConfigDefinition, bool> condition) =>
        string.Join(
            ", ",
            steps
                .Where(step => ConfigTable.Broker.Find(step.Name) is { } definition && condition(definition))
                .Select(static step => step.Name)
        );

    private static ApiError Invalid(string? problem) =>
        problem is null ? default : new ApiError(ErrorCode.InvalidConfig, problem);

    /// <summary>With eligible leader replicas, min.insync.replicas must be the same everywhere and always be known.</summary>
    private static ApiError CheckElr(
        MetadataImage image,
        ConfigResource resource,
        ImmutableSortedDictionary<string, string> before,
        ImmutableSortedDictionary<string, string> after
    )
    {
        if (!image.Features.IsElrEnabled || resource.Type != ConfigResourceKind.Broker)
        {
            return default;
        }
        bool was = before.TryGetValue(MinInsyncReplicas, out string? old);
        bool isSet = after.TryGetValue(MinInsyncReplicas, out string? now);
        if (resource.Name.Length > 0 && isSet && old != now)
        {
            return Invalid("Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
        }
        return resource.Name.Length == 0 && was && !isSet
            ? Invalid("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
            : default;
    }

    private static void AddRecords(
        MetadataImage image,
        ConfigResource resource,
        ImmutableSortedDictionary<string, string> before,
        ImmutableSortedDictionary<string, string> after,
        List<MetadataRecord> records
    )
    {
        foreach ((string name, _) in before)
        {
            if (!after.ContainsKey(name))
            {
                records.Add(ImageRecords.Config(resource, name, null));
            }
        }
        foreach ((string name, string value) in after)
        {
            if (!before.TryGetValue(name, out string? old) || old != value)
            {
                records.Add(ImageRecords.Config(resource, name, value));
            }
        }
        bool minInsyncChanged =
            before.GetValueOrDefault(MinInsyncReplicas) != after.GetValueOrDefault(MinInsyncReplicas);
        if (image.Features.IsElrEnabled && minInsyncChanged)
        {
            // What was eligible under the old number of copies need not be under the new one.
            string topic = resource.Type == ConfigResourceKind.Topic ? resource.Name : "";
            records.Add(new MetadataRecord(new ClearElrRecord { TopicName = topic }, 0));
        }
    }
}
