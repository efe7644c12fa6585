using System.Net.Sockets;

namespace Aot.Broker.Reactor.Tests;

/// <summary>What tests send, and how it is taken at the other end.</summary>
internal static class TestBytes
{
    public static byte[] Random(int count, int seed)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Fills the array, however many pieces that takes.</summary>
    public static void Receive(Socket socket, byte[] into)
    {
        for (int at = 0; at < into.Length; )
        {
            int count = socket.Receive(into.AsSpan(at));
            Assert.True(count > 0);
            at += count;
        }
    }
}
