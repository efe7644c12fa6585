namespace Aot.Perf.Client;

/// <summary>Who hears of what comes in on a connection.</summary>
internal interface IFrameTarget
{
    /// <summary>One answer without its length: correlation id, header, body. Valid during the call.</summary>
    void OnFrame(Connection connection, ReadOnlySpan<byte> frame);

    /// <summary>The connection is gone; a load that is not about losing connections fails.</summary>
    void OnLost(Connection connection, string why);
}
