using System.Diagnostics.CodeAnalysis;

namespace Aot.Broker.Protocol.Wire;

/// <summary>
/// What generated writers refuse: asking for a version that a message does not have, or for values that the version
/// cannot carry. These are errors of the code that filled the message, and it hears of them before a byte goes out.
/// </summary>
public static class WireRules
{
    public static void RequireVersion(string message, short version, short lowest, short highest)
    {
        if (version < lowest || version > highest)
        {
            throw new InvalidOperationException($"{message} has no version {version}, only {lowest} to {highest}");
        }
    }

    /// <summary>A field holds something, and would be lost without a word.</summary>
    [DoesNotReturn]
    public static void RefuseField(string message, string field, short version) =>
        throw new InvalidOperationException($"{message}.{field} is set, and version {version} cannot carry it");

    [DoesNotReturn]
    public static void RefuseNull(string message, string field, short version) =>
        throw new InvalidOperationException($"{message}.{field} is null, and may not be in version {version}");
}
