using Aot.Broker.Base;
using Aot.Broker.CommandLine;
using Aot.Broker.Configuration;

namespace Aot.Broker;

/// <summary>The <c>format</c> command: lays out the data directories of a node.</summary>
internal static class Format
{
    private static readonly Logger s_log = Log.For("format");

    public static ExitCode Run(BrokerConfiguration configuration, FormatOptions options)
    {
        s_log.Fatal("this build has no storage in it", ("directories", string.Join(',', configuration.LogDirs)));
        return options.IgnoreFormatted ? ExitCode.Fatal : ExitCode.DataDirectory;
    }
}
