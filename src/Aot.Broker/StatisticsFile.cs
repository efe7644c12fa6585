using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Reactor;
using Aot.Broker.Server;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Compaction;

namespace Aot.Broker;

/// <summary>
/// On SIGUSR2 the broker writes what its cores have counted to <c>statistics.json</c> in the first data directory.
/// <code>
/// kill -USR2 $(jq .pid data/ports.json); cat data/statistics.json
/// </code>
/// "sequence" tells one writing from the next. Counters run from the start of the process; "allocatedBytes" of a core is
/// exact, and does not move while it only produces and fetches (a line of its log is an exception).
/// </summary>
/// <remarks>Owner: the thread of the signal; the cores go on meanwhile. All numbers of a core are
/// of the moment at which it answered; one that does not answer has no "allocatedBytes", and old numbers.</remarks>
internal sealed class StatisticsFile : IDisposable
{
    public const string Name = "statistics.json";

    private const int SignalUser2 = 12;
    private static readonly TimeSpan s_answerLimit = TimeSpan.FromSeconds(5);
    private static readonly Logger s_log = Log.For("statistics");

    private readonly Lock _writing = new();
    private readonly CoreProbe[] _probes;
    private readonly CleanerStatistics _cleaner;
    private readonly string _path;
    private readonly LogDirectories _directories;
    private readonly PosixSignalRegistration _registration;
    private long _sequence;

    public StatisticsFile(
        IReadOnlyList<Core> cores,
        BrokerServer server,
        LogDirectories directories,
        string dataDirectory
    )
    {
        _cleaner = directories.Cleaners.Statistics;
        _directories = directories;
        _probes = [.. cores.Select(core => new CoreProbe(core, server))];
        _path = Path.Combine(dataDirectory, Name);
        _registration = PosixSignalRegistration.Create((PosixSignal)SignalUser2, OnSignal);
    }

    public void Dispose()
    {
        _registration.Dispose();
        lock (_writing)
        {
            File.Delete(_path);
        }
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        try
        {
            Write();
        }
        catch (IOException error)
        {
            s_log.Warn("statistics were not written", ("file", _path), ("why", error.Message));
        }
    }

    /// <summary>Written under another name first, so that whoever waits for it reads it whole.</summary>
    private void Write()
    {
        lock (_writing)
        {
            File.WriteAllText(_path + ".tmp", Compose());
            File.Move(_path + ".tmp", _path, overwrite: true);
        }
    }

    private string Compose()
    {
        StringBuilder json = new("{\n");
        json.Append(CultureInfo.InvariantCulture, $"  \"sequence\": {++_sequence},\n");
        AppendStart(json, _directories.Progress);
        json.Append("  \"cores\": [\n");
        for (int i = 0; i < _probes.Length; i++)
        {
            AppendCore(json, _probes[i]);
            json.Append(i + 1 < _probes.Length ? ",\n" : "\n");
        }
        json.Append("  ],\n");
        AppendCleaner(json);
        return json.Append("}\n").ToString();
    }

    /// <summary>Compaction in this process; "millisSinceLastRun" is -1 before the first.</summary>
    private void AppendCleaner(StringBuilder json)
    {
        long last = _cleaner.LastRunWallMillis;
        long since = last < 0 ? -1 : DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - last;
        json.Append(
            CultureInfo.InvariantCulture,
            $"""
              "cleaner": {"{"} "passes": {_cleaner.Passes}, "ioBytes": {_cleaner.IoBytes},
                "freedBytes": {_cleaner.FreedBytes}, "removedRecords": {_cleaner.RemovedRecords},
                "maxDirtyRatio": {_cleaner.MaxDirtyRatio:0.####}, "uncleanablePartitions": {_cleaner.UncleanablePartitions},
                "millisSinceLastRun": {since} {"}"}

            """
        );
    }

    /// <summary>What opening the logs took: at the start, and since then for logs that came later.</summary>
    private static void AppendStart(StringBuilder json, RecoveryProgress progress) =>
        json.Append(
            CultureInfo.InvariantCulture,
            $$"""
              "logs": { "opened": {{progress.Opened}}, "openingMillis": {{progress.Milliseconds}}, "recoveredSegments": {{progress.RecoveredSegments}}, "scannedBytes": {{progress.ScannedBytes}}, "truncatedBytes": {{progress.TruncatedBytes}}, "rebuiltIndexes": {{progress.RebuiltIndexes}} },

            """
        );

    private void AppendCore(StringBuilder json, CoreProbe probe)
    {
        bool hasAnswered = probe.TryAsk(s_answerLimit);
        CoreStatistics counted = probe.Counted;
        json.Append(CultureInfo.InvariantCulture, $"    {{ \"core\": {probe.Core.Index.Value}");
        if (hasAnswered)
        {
            Append("allocatedBytes", probe.AllocatedBytes);
            Append("buffersRented", probe.BuffersRented);
            Append("bufferBytesRented", probe.BufferBytesRented);
            Append("connections", probe.Connections);
            Append("delayedRequests", probe.DelayedRequests);
            Append("systemCalls", probe.SystemCalls);
        }
        Append("turns", counted.Turns);
        Append("sleeps", counted.Sleeps);
        Append("stalls", counted.Stalls);
        Append("longestTurnMillis", counted.LongestTurnMillis);
        Append("ioCallbacks", counted.IoCallbacks);
        Append("mailReceived", counted.MailReceived);
        Append("mailPosted", counted.MailPosted);
        Append("mailRefused", counted.MailRefused);
        Append("wakesSent", counted.WakesSent);
        json.Append(", \"requests\": {");
        string separator = " ";
        for (int i = 0; i < probe.ApiNames.Count; i++)
        {
            if (probe.Requests[i] > 0)
            {
                json.Append(CultureInfo.InvariantCulture, $"{separator}\"{probe.ApiNames[i]}\": {probe.Requests[i]}");
                separator = ", ";
            }
        }
        json.Append(" } }");

        void Append(string name, long value) => json.Append(CultureInfo.InvariantCulture, $", \"{name}\": {value}");
    }
}
