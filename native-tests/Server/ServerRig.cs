using System.Net;
using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Reactor;

namespace Aot.Broker.Server.Tests;

/// <summary>
/// A server on loopback with an empty cluster behind it: enough for everything about connections, frames and requests that
/// need no log.
/// </summary>
internal sealed class ServerRig : IAsyncDisposable
{
    private readonly CoreGroup _group;

    /// <summary>A ring's receive buffers are rented for as long as it lives.</summary>
    private readonly int[] _buffersAtStart = new int[2];

    private ServerRig(CoreGroup group) => _group = group;

    public BrokerServer Server { get; private set; } = null!;

    public IPEndPoint EndPoint { get; private set; } = null!;

    public IReadOnlyList<Core> Cores => _group.Cores;

    public static async Task<ServerRig> StartAsync(IoMode io, Func<ServerOptions, ServerOptions>? change = null)
    {
        CoreGroup group = CoreGroup.Create(
            new CoreGroupOptions
            {
                Cores = 2,
                Io = io,
                Pin = false,
                BufferChecks = BufferChecks.PoisonAndGuard,
                InFlightBytesMax = 64 * 1024 * 1024,
            }
        );
        ConfigValues settings = ConfigValues.ForBroker(new Dictionary<string, string>());
        ServerRig rig = new(group);
        foreach (Core core in group.Cores)
        {
            core.Set(new MetadataView(settings));
        }
        group.Start();
        ServerOptions options = new()
        {
            NodeId = 1,
            Listeners = [new ListenerOptions("PLAINTEXT", new IPEndPoint(IPAddress.Loopback, 0), ListenerRole.Broker)],
        };
        options = change?.Invoke(options) ?? options;
        await group
            .Cores[0]
            .RunFromThreadAsync(async core =>
            {
                (Errno error, _, List<BoundListener> bound) = BrokerServer.Bind(core, options);
                Assert.Equal(Errno.None, error);
                rig.EndPoint = bound[0].EndPoint;
                await core.RunOnAllAsync(each =>
                {
                    rig._buffersAtStart[each.Index.Value] = each.Buffers.RentedCount;
                    return ValueTask.CompletedTask;
                });
                rig.Server = await BrokerServer.StartAsync(
                    core,
                    new ServerParts
                    {
                        Options = options,
                        Listeners = bound,
                        Controller = null!,
                        Directories = null!,
                        StartedWith = settings,
                    }
                );
            });
        return rig;
    }

    public Task<WireClient> ConnectAsync() => WireClient.ConnectAsync(EndPoint);

    /// <summary>Runs on a core; for looking at what it holds.</summary>
    public Task<T> OnCoreAsync<T>(int core, Func<Core, T> look) =>
        Cores[core].RunFromThreadAsync(each => ValueTask.FromResult(look(each)));

    public Task StopServerAsync(long graceMillis) =>
        Cores[0].RunFromThreadAsync(async core => await Server.StopAsync(core, graceMillis));

    /// <summary>Stops, and finds what was not given back.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopServerAsync(graceMillis: 2000);
        foreach (Core core in Cores)
        {
            await core.RunFromThreadAsync(each =>
            {
                Assert.Equal(0, each.Get<ServerCore>().ConnectionCount);
                LeftBehind.Assert(_group, each, _buffersAtStart[each.Index.Value]);
                each.Budget.AssertNothingReserved();
                return ValueTask.CompletedTask;
            });
        }
        await _group.StopAsync();
        _group.Dispose();
    }
}
