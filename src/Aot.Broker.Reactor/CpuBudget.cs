using System.Globalization;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor;

/// <summary>
/// How many cores this process may really use: the CPUs of its affinity mask, and no more than its control group's
/// quota pays for.
/// </summary>
/// <remarks>
/// A quota is rounded down (but to at least one): a thread above it would be stopped for the rest of each period of
/// 100 ms, which is worse for latency than the fraction of a CPU is good for throughput.
/// </remarks>
public static class CpuBudget
{
    /// <summary>CPUs by affinity and quota, at least 1, and where the number comes from.</summary>
    public static int Detect(out string reason)
    {
        int byAffinity = Threads.GetAffinity().TryGet(out CpuSet cpus, out _) ? cpus.Count : Environment.ProcessorCount;
        string? groups = ReadOrNull("/proc/self/cgroup");
        double? quota = groups is null ? null : QuotaOf(groups, "/sys/fs/cgroup");
        if (quota is { } cpusOfQuota && cpusOfQuota < byAffinity)
        {
            reason = $"cgroup quota of {cpusOfQuota.ToString("0.##", CultureInfo.InvariantCulture)} CPUs";
            return Math.Max(1, (int)cpusOfQuota);
        }
        reason = $"affinity to {byAffinity} CPUs";
        return Math.Max(1, byAffinity);
    }

    /// <summary>
    /// The tightest quota from the process's own group up to the root, in CPUs; null = none. Version 2 has one line
    /// "0::path" and files cpu.max ("quota period" or "max period"); version 1 has "n:controllers:path" with cpu among
    /// the controllers and files cpu.cfs_quota_us (-1 = none) and cpu.cfs_period_us.
    /// </summary>
    internal static double? QuotaOf(string procSelfCgroup, string root)
    {
        double? tightest = null;
        foreach (string line in procSelfCgroup.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = line.Split(':', 3);
            if (parts.Length < 3)
            {
                continue;
            }
            bool isV2 = parts[0] == "0" && parts[1].Length == 0;
            if (!isV2 && !parts[1].Split(',').Contains("cpu"))
            {
                continue;
            }
            string top = isV2 ? root : Path.Join(root, parts[1]);
            if (!isV2 && !Directory.Exists(top))
            {
                top = Path.Join(root, "cpu");
            }
            // Inside a container the path is that of the host: what does not exist here is skipped on the way up.
            for (string? path = parts[2].Trim(); path is not null; path = Path.GetDirectoryName(path))
            {
                string folder = Path.Join(top, path);
                double? here = isV2 ? ReadV2(folder) : ReadV1(folder);
                if (here is not null && (tightest is null || here < tightest))
                {
                    tightest = here;
                }
            }
        }
        return tightest;
    }

    private static double? ReadV2(string folder)
    {
        string[]? parts = ReadOrNull(Path.Join(folder, "cpu.max"))?.Split(' ', '\n');
        return parts is { Length: >= 2 } ? Ratio(parts[0], parts[1]) : null;
    }

    private static double? ReadV1(string folder)
    {
        string? quota = ReadOrNull(Path.Join(folder, "cpu.cfs_quota_us"));
        string? period = ReadOrNull(Path.Join(folder, "cpu.cfs_period_us"));
        return quota is not null && period is not null ? Ratio(quota.Trim(), period.Trim()) : null;
    }

    private static double? Ratio(string quota, string period) =>
        long.TryParse(quota, NumberStyles.None, CultureInfo.InvariantCulture, out long allowed)
        && long.TryParse(period, NumberStyles.None, CultureInfo.InvariantCulture, out long every)
        && allowed > 0
        && every > 0
            ? (double)allowed / every
            : null;

    private static string? ReadOrNull(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
