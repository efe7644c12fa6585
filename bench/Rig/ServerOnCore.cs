using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Server;

namespace Aot.Broker.Bench.Rig;

/// <summary>A server without listeners and without a cluster on a stepped core: enough to read requests.</summary>
internal static class ServerOnCore
{
    public static ServerCore Start(SteppedCore core)
    {
        core.Do(async _ =>
        {
            ConfigValues settings = ConfigValues.ForBroker(new Dictionary<string, string>());
            core.Core.Set(new MetadataView(settings));
            await BrokerServer.StartAsync(
                core.Core,
                new ServerParts
                {
                    Options = new ServerOptions { NodeId = 1, Listeners = [] },
                    Listeners = [],
                    // Nothing is decided and nothing is stored when a request is only read.
                    Controller = null!,
                    Directories = null!,
                    StartedWith = settings,
                }
            );
        });
        return core.Core.Get<ServerCore>();
    }
}
