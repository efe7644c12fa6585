using Aot.Broker.Base;
using Aot.Broker.CommandLine;
using Aot.Broker.Configuration;

namespace Aot.Broker;

/// <summary>The <c>serve</c> command: composes the rooms and runs them until it is told to stop.</summary>
internal static class Serve
{
    private static readonly Logger s_log = Log.For("serve");

    public static ExitCode Run(BrokerConfiguration configuration)
    {
        foreach (string warning in configuration.Warnings)
        {
            s_log.Warn("configuration", ("what", warning));
        }
        s_log.Fatal("this build has no server in it");
        return ExitCode.Fatal;
    }
}
