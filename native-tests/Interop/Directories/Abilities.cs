namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>What brokers can do of what not every broker can; the words are those of the program in Java.</summary>
internal static class Abilities
{
    public static string[] All { get; } = ["transactions", "consumer-groups", "share-groups", "streams-groups"];

    /// <summary>This broker's. The data of the others is kept.</summary>
    public static string[] Here { get; } = ["transactions", "consumer-groups", "streams-groups"];

    /// <summary>Lines of a description about what both can do.</summary>
    public static bool IsServedHere(string line) =>
        !IsKeptOnly(line) && !line.StartsWith("shared\t", StringComparison.Ordinal);

    /// <summary>Lines of a description about what this broker keeps for the other.</summary>
    public static bool IsKeptOnly(string line)
    {
        string[] parts = line.Split('\t');
        return parts[0] switch
        {
            "group" => parts[1] is "shares",
            _ => false,
        };
    }
}
