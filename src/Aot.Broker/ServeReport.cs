using System.Globalization;
using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Linux;
using Aot.Broker.Server;

namespace Aot.Broker;

/// <summary>What serve tells others when it is ready: one line on standard output, and <c>ports.json</c> in the data directory.</summary>
internal static class ServeReport
{
    public const string PortsFileName = "ports.json";

    public static string ReadyLine(IReadOnlyList<BoundListener> listeners, string dataDirectory, string io, int cores)
    {
        string addresses = string.Join(
            ", ",
            listeners.Select(listener => $"{listener.Options.Name}://{Address(listener)}")
        );
        return $"aot-broker ready on {addresses}, data {dataDirectory}, I/O {io}, {cores} {(cores == 1 ? "core" : "cores")}, "
            + $"{MillisSinceExec().ToString(CultureInfo.InvariantCulture)} ms";
    }

    /// <summary>What an acknowledged record has survived, for topics that say nothing else.</summary>
    public static string Durability(ConfigValues values)
    {
        TopicSettings settings = TopicSettings.Resolve(values, new Dictionary<string, string>());
        if (settings.FlushMessages == 1)
        {
            return "an acknowledged record is on the disk";
        }
        List<string> limits = [];
        if (settings.FlushMessages != long.MaxValue)
        {
            limits.Add($"fewer than {settings.FlushMessages} records of a partition");
        }
        if (settings.FlushMs != long.MaxValue)
        {
            limits.Add($"those of the last {settings.FlushMs} ms");
        }
        string atRisk =
            limits.Count > 0 ? string.Join(", and not more than ", limits) : "what the kernel has not written";
        return $"an acknowledged record is in the page cache; a loss of power can take {atRisk}";
    }

    /// <summary>
    /// Written under another name first, so that whoever waits for it reads it whole. A disk that has no space for it is no
    /// reason not to start: the line on standard output says the same.
    /// </summary>
    public static void WritePorts(string dataDirectory, IReadOnlyList<BoundListener> listeners)
    {
        StringBuilder json = new("{\n");
        json.Append(CultureInfo.InvariantCulture, $"  \"pid\": {Environment.ProcessId},\n  \"listeners\": [");
        for (int i = 0; i < listeners.Count; i++)
        {
            BoundListener listener = listeners[i];
            string role = listener.Options.Role == ListenerRole.Controller ? "controller" : "broker";
            json.Append(i == 0 ? "\n" : ",\n");
            json.Append(
                CultureInfo.InvariantCulture,
                $"    {{ \"name\": \"{listener.Options.Name}\", \"role\": \"{role}\", "
            );
            json.Append(
                CultureInfo.InvariantCulture,
                $"\"host\": \"{listener.EndPoint.Address}\", \"port\": {listener.EndPoint.Port} }}"
            );
        }
        json.Append("\n  ]\n}\n");
        string path = Path.Combine(dataDirectory, PortsFileName);
        try
        {
            // What a process that was killed has left there names ports of nobody.
            File.Delete(path);
            File.WriteAllText(path + ".tmp", json.ToString());
            File.Move(path + ".tmp", path, overwrite: true);
        }
        catch (IOException error)
        {
            Log.For("serve").Error("the ports could not be written", ("file", path), ("error", error.Message));
        }
    }

    public static void RemovePorts(string dataDirectory) => File.Delete(Path.Combine(dataDirectory, PortsFileName));

    /// <summary>
    /// Since the kernel started this process, from /proc (field 22 of stat, in hundredths of a second since boot); -1 where
    /// it cannot be read.
    /// </summary>
    private static long MillisSinceExec()
    {
        try
        {
            string stat = File.ReadAllText("/proc/self/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            long startedMillis = long.Parse(fields[19], CultureInfo.InvariantCulture) * 10;
            return (Clocks.MonotonicNanoseconds() / 1_000_000) - startedMillis;
        }
        catch (Exception error) when (error is IOException or FormatException or IndexOutOfRangeException)
        {
            return -1;
        }
    }

    private static string Address(BoundListener listener) => listener.EndPoint.ToString();
}
