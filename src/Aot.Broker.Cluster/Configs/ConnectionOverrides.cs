using System.Globalization;

namespace Aot.Broker.Cluster.Configs;

/// <summary>The text of <c>max.connections.per.ip.overrides</c>: <c>HOST:NUMBER,...</c>.</summary>
public static class ConnectionOverrides
{
    public const string Name = "max.connections.per.ip.overrides";

    /// <summary>False with the first item that is wrong; the entries are then those before it.</summary>
    public static bool TryParse(string text, out List<(string Host, int Most)> entries, out string? wrong)
    {
        entries = [];
        foreach (string item in ConfigValue.Items(text))
        {
            int colon = item.LastIndexOf(':');
            if (
                colon <= 0
                || !int.TryParse(item.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int most)
            )
            {
                wrong = $"'{item}' is not HOST:NUMBER";
                return false;
            }
            entries.Add((item[..colon].Trim(), most));
        }
        wrong = null;
        return true;
    }
}
