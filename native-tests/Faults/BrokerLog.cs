using Aot.Broker.Harness;

namespace Aot.Broker.Faults.Tests;

/// <summary>What the log of a broker may not say, whatever its clients did.</summary>
internal static class BrokerLog
{
    private static readonly string[] s_forbidden = [" ERROR ", " FATAL ", "exception=", "\n   at ", "Unhandled"];

    public static void HasNoStackTrace(BrokerProcess broker)
    {
        string errors = broker.Errors;
        foreach (string word in s_forbidden)
        {
            Assert.False(errors.Contains(word, StringComparison.Ordinal), $"'{word}' in the log\n{broker.Describe()}");
        }
    }

    public static int Lines(BrokerProcess broker, string text) =>
        broker.Errors.Split('\n').Count(line => line.Contains(text, StringComparison.Ordinal));
}
