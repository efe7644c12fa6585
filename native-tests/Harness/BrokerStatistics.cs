using System.Text.Json;

namespace Aot.Broker.Harness;

/// <summary>What one core had counted when it was asked: a part of <c>statistics.json</c>.</summary>
public sealed record CoreCounts(int Core, long AllocatedBytes, long Stalls, IReadOnlyDictionary<string, long> Requests)
{
    public long RequestsOf(string api) => Requests.GetValueOrDefault(api);
}

/// <summary>What compaction has done.</summary>
public sealed record CleanerCounts(long Passes, long IoBytes, long RemovedRecords, long UncleanablePartitions);

/// <summary>What a broker writes on SIGUSR2. Its numbers run from the start of the process.</summary>
public sealed record BrokerStatistics(long Sequence, IReadOnlyList<CoreCounts> Cores, CleanerCounts Cleaner)
{
    public long RequestsOf(string api) => Cores.Sum(core => core.RequestsOf(api));

    /// <summary>Requests of every API but these.</summary>
    public long RequestsBeside(params string[] apis) =>
        Cores.Sum(core => core.Requests.Sum(request => apis.Contains(request.Key) ? 0 : request.Value));

    public static BrokerStatistics Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement root = document.RootElement;
        JsonElement cleaner = root.GetProperty("cleaner");
        return new BrokerStatistics(
            root.GetProperty("sequence").GetInt64(),
            [
                .. root.GetProperty("cores")
                    .EnumerateArray()
                    .Select(core => new CoreCounts(
                        core.GetProperty("core").GetInt32(),
                        core.TryGetProperty("allocatedBytes", out JsonElement allocated)
                            ? allocated.GetInt64()
                            : throw new HarnessException($"a core did not answer: {json}"),
                        core.GetProperty("stalls").GetInt64(),
                        core.GetProperty("requests")
                            .EnumerateObject()
                            .ToDictionary(api => api.Name, api => api.Value.GetInt64())
                    )),
            ],
            new CleanerCounts(
                cleaner.GetProperty("passes").GetInt64(),
                cleaner.GetProperty("ioBytes").GetInt64(),
                cleaner.GetProperty("removedRecords").GetInt64(),
                cleaner.GetProperty("uncleanablePartitions").GetInt64()
            )
        );
    }
}
