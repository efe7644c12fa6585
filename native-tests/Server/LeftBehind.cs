using Aot.Broker.Reactor;

namespace Aot.Broker.Server.Tests;

/// <summary>Buffers that a server did not give back.</summary>
internal static class LeftBehind
{
    /// <summary>A ring keeps receive buffers rented, and takes more under load; all else must be back.</summary>
    private const int RingBuffersMax = 256;

    public static void Assert(CoreGroup group, Core core, int rentedAtStart)
    {
        if (group.BackendName == "epoll")
        {
            Xunit.Assert.Equal(rentedAtStart, core.Buffers.RentedCount);
        }
        else
        {
            Xunit.Assert.InRange(core.Buffers.RentedCount, rentedAtStart, RingBuffersMax);
        }
    }
}
