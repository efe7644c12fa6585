using System.Net.Sockets;
using Aot.Broker.Harness;

namespace Aot.Broker.Faults.Tests;

/// <summary>A client that goes on until its broker was killed.</summary>
internal static class UntilGone
{
    public static void Run(BrokerProcess broker, Action<KafkaConnection> step)
    {
        try
        {
            using KafkaConnection connection = new(broker);
            while (true)
            {
                step(connection);
            }
        }
        catch (SocketException)
        {
            // The broker was killed.
        }
        catch (HarnessException)
        {
            // The broker closed the connection in the middle of an exchange.
        }
    }
}
