using System.Collections.Immutable;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>Changes of run-time settings, as plans over an image.</summary>
internal static class ConfigControl
{
    private const string MinInsyncReplicas = "min.insync.replicas";

    private readonly record struct Step(string Name, ConfigOperation Operation, string? Value);

    /// <summary>What a request asks for one resource, its type as it came.</summary>
    private readonly record struct Change(sbyte ResourceType, string ResourceName, List<Step> Steps)
    {
        public ConfigResource Resource => new((ConfigResourceKind)ResourceType, ResourceName);
    }

    public static ControlPlan<IncrementalAlterConfigsResponse> AlterIncrementally(
        MetadataImage image,
        ControlFacts facts,
        IncrementalAlterConfigsRequest request
    )
    {
        IEnumerable<Change> changes = request.Resources.Select(static resource => new Change(
            resource.ResourceType,
            resource.ResourceName,
            [
                .. resource.Configs.Select(static config => new Step(
                    config.Name,
                    (ConfigOperation)config.ConfigOperation,
                    config.Value
                )),
            ]
        ));
        IncrementalAlterConfigsResponse response = new() { Responses = [] };
        List<MetadataRecord> records = [];
        foreach ((Change change, ApiError error) in AlterEach(image, facts, [.. changes], replaceAll: false, records))
        {
            response.Responses.Add(
                new IncrementalAlterConfigsResponse.AlterConfigsResourceResponse
                {
                    ResourceType = change.ResourceType,
                    ResourceName = change.ResourceName,
                    ErrorCode = (short)error.Code,
                    ErrorMessage = error.Message,
                }
            );
        }
        return new ControlPlan<IncrementalAlterConfigsResponse>(request.ValidateOnly ? [] : records, response);
    }

    /// <summary>The older form: what is not named goes back to its default.</summary>
    public static ControlPlan<AlterConfigsResponse> Alter(
        MetadataImage image,
        ControlFacts facts,
        AlterConfigsRequest request
    )
    {
        IEnumerable<Change> changes = request.Resources.Select(static resource => new Change(
            resource.ResourceType,
            resource.ResourceName,
            [.. resource.Configs.Select(static config => new Step(config.Name, ConfigOperation.Set, config.Value))]
        ));
        AlterConfigsResponse response = new() { Responses = [] };
        List<MetadataRecord> records = [];
        foreach ((Change change, ApiError error) in AlterEach(image, facts, [.. changes], replaceAll: true, records))
        {
            response.Responses.Add(
                new AlterConfigsResponse.AlterConfigsResourceResponse
                {
                    ResourceType = change.ResourceType,
                    ResourceName = change.ResourceName,
                    ErrorCode = (short)error.Code,
                    ErrorMessage = error.Message,
                }
            );
        }
        return new ControlPlan<AlterConfigsResponse>(request.ValidateOnly ? [] : records, response);
    }

    /// <summary>Each resource once, in the order of its first mention; one that is mentioned again is refused.</summary>
    private static List<(Change Change, ApiError Error)> AlterEach(
        MetadataImage image,
        ControlFacts facts,
        List<Change> changes,
        bool replaceAll,
        List<MetadataRecord> records
    )
    {
        Dictionary<ConfigResource, int> mentions = [];
        foreach (Change change in changes)
        {
            mentions[change.Resource] = mentions.GetValueOrDefault(change.Resource) + 1;
        }
        List<(Change, ApiError)> outcomes = [];
        foreach (Change change in changes)
        {
            if (mentions.Remove(change.Resource, out int times))
            {
                ApiError error =
                    times > 1
                        ? new ApiError(ErrorCode.InvalidRequest, "Each resource must appear at most once.")
                        : AlterOne(image, facts, change.Resource, change.Steps, replaceAll, records);
                outcomes.Add((change, error));
            }
        }
        return outcomes;
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
        error = CheckSettings(image, facts, resource, after);
        error = error.IsError ? error : CheckElr(image, resource, before, after);
        if (!error.IsError && resource == ConfigResource.Broker(facts.NodeId))
        {
            error = CordonControl.Check(image, facts, before, after);
        }
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
        ConfigRefusal? refusal = ConfigValidation.Apply(
            table,
            step.Name,
            step.Operation,
            step.Value,
            settings.GetValueOrDefault(step.Name),
            out string? next
        );
        if (refusal is null)
        {
            settings = next is null ? settings.Remove(step.Name) : settings.SetItem(step.Name, next);
        }
        return Refused(refusal);
    }

    private static ApiError CheckSettings(
        MetadataImage image,
        ControlFacts facts,
        ConfigResource resource,
        ImmutableSortedDictionary<string, string> after
    )
    {
        ConfigValues broker = BrokerSettings.Of(image, facts.NodeId, facts.StartedWith);
        return Refused(
            resource.Type switch
            {
                ConfigResourceKind.Topic => ConfigValidation.Topic(broker, after),
                ConfigResourceKind.Group => ConfigValidation.Group(broker, after),
                ConfigResourceKind.ClientMetrics => ConfigValidation.ClientMetrics(after),
                _ => ConfigValidation.Broker(broker, after, ofOneBroker: resource.Name.Length > 0),
            }
        );
    }

    private static ApiError Refused(ConfigRefusal? refusal) =>
        refusal is { } why ? new ApiError(why.Error, why.Message) : default;

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
            return new ApiError(
                ErrorCode.InvalidConfig,
                "Broker-level min.insync.replicas cannot be altered while ELR is enabled."
            );
        }
        return resource.Name.Length == 0 && was && !isSet
            ? new ApiError(
                ErrorCode.InvalidConfig,
                "Cluster-level min.insync.replicas cannot be removed while ELR is enabled."
            )
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
