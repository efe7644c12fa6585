using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.CommandLine;
using Aot.Broker.Configuration;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker;

/// <summary>The <c>serve</c> command: runs the broker until it is told to stop, and says with its exit code how it ended.</summary>
internal static class Serve
{
    private static readonly Logger s_log = Log.For("serve");

    public static ExitCode Run(BrokerConfiguration configuration)
    {
        foreach (string warning in configuration.Warnings)
        {
            s_log.Warn("configuration", ("what", warning));
        }
        using ServeSignals signals = new();
        try
        {
            return new ServeHost(configuration).RunAsync(signals.Stop).GetAwaiter().GetResult();
        }
        catch (DataDirectoryException error)
        {
            s_log.Fatal(error.Message);
            return (ExitCode)error.ExitCode;
        }
        catch (ClusterStartException error)
        {
            s_log.Fatal(error.Message);
            return ExitCode.DataDirectory;
        }
        catch (MetadataLogException error)
        {
            s_log.Fatal(error.Message);
            return ExitCode.CorruptLog;
        }
        catch (IoBackendException error)
        {
            s_log.Fatal(error.Message);
            return ExitCode.Fatal;
        }
        catch (ListenException error)
        {
            s_log.Fatal(error.Message);
            return error.ExitCode;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            s_log.Fatal("the broker cannot start", ("why", error.Message));
            return ExitCode.Fatal;
        }
        catch (Exception bug)
        {
            s_log.Bug("the broker ended with an error of its own", bug);
            return ExitCode.Fatal;
        }
    }
}
