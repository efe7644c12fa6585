using System.Runtime.InteropServices;

namespace Aot.Broker;

/// <summary>What this binary is. A test holds the version against the build's.</summary>
public static class BuildInfo
{
    public const string Version = "0.1.0";

    /// <summary>The release of Apache Kafka whose wire, disk and settings this binary has.</summary>
    public const string KafkaRelease = "4.4";

    public static string Description =>
        $"aot-broker {Version} (Apache Kafka {KafkaRelease} protocol; {RuntimeInformation.FrameworkDescription}, "
        + $"{RuntimeInformation.RuntimeIdentifier})";
}
