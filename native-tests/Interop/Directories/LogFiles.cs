using System.Security.Cryptography;

namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>
/// The segments of data directories as they were: whoever runs on it afterwards may append to the last one of a log and
/// delete old ones, and change no byte of what stays. Compacted topics are left out, coordinators' among them.
/// </summary>
internal sealed class LogFiles
{
    private readonly Dictionary<string, (int Bytes, string Hash)> _segments = [];

    public static LogFiles Of(SharedDirectory directory)
    {
        LogFiles files = new();
        foreach (string path in Segments(directory))
        {
            byte[] bytes = File.ReadAllBytes(path);
            files._segments.Add(path, (bytes.Length, Hash(bytes)));
        }
        return files;
    }

    /// <summary>Every segment that is still there begins with the bytes that it had.</summary>
    public void MustBePrefixes()
    {
        int found = 0;
        foreach ((string path, (int length, string hash)) in _segments)
        {
            if (!File.Exists(path))
            {
                continue;
            }
            found++;
            byte[] now = File.ReadAllBytes(path);
            Assert.True(now.Length >= length, $"{path} was cut from {length} to {now.Length} bytes");
            Assert.True(Hash(now.AsSpan(0, length)) == hash, $"{path} has other bytes than before");
        }
        Assert.NotEqual(0, found);
    }

    private static IEnumerable<string> Segments(SharedDirectory directory) =>
        directory
            .Partitions()
            .Where(folder => !Path.GetFileName(folder).StartsWith("compacted-", StringComparison.Ordinal))
            .Where(folder => !Path.GetFileName(folder).StartsWith("__consumer_offsets-", StringComparison.Ordinal))
            .Where(folder => !Path.GetFileName(folder).StartsWith("__transaction_state-", StringComparison.Ordinal))
            .SelectMany(folder => Directory.GetFiles(folder, "*.log"));

    private static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexString(SHA256.HashData(bytes));
}
