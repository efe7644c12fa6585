using System.Globalization;

namespace Aot.Perf.Measure;

/// <summary>What a process has used until now, as <c>/proc/PID/stat</c> and <c>/proc/PID/status</c> say (proc(5)).</summary>
/// <param name="CpuSeconds">User and system time of all its threads, in steps of a clock tick (10 ms).</param>
internal readonly record struct ProcessUsage(double CpuSeconds, double UserSeconds, long ResidentBytes)
{
    /// <summary>USER_HZ: the unit of times in /proc, 100 on every Linux that .NET runs on.</summary>
    private const double TicksPerSecond = 100;

    private const int UserTimeField = 11;

    /// <summary>Null when there is no such process.</summary>
    public static ProcessUsage? Of(int pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            // The name in parentheses may hold spaces; the state is the first field behind it.
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            double user = double.Parse(fields[UserTimeField], CultureInfo.InvariantCulture) / TicksPerSecond;
            double system = double.Parse(fields[UserTimeField + 1], CultureInfo.InvariantCulture) / TicksPerSecond;
            long resident = 0;
            foreach (string line in File.ReadLines($"/proc/{pid}/status"))
            {
                if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
                {
                    string kilobytes = line["VmRSS:".Length..].Replace("kB", "", StringComparison.Ordinal);
                    resident = long.Parse(kilobytes, CultureInfo.InvariantCulture) * 1024;
                }
            }
            return new ProcessUsage(user + system, user, resident);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
