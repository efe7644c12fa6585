using System.Security.Cryptography;
using System.Text;

namespace Aot.Broker.Harness;

/// <summary>A folder in the cache that is filled once; a mark in it says that it is whole. Safe across processes.</summary>
internal static class CachedInstall
{
    /// <summary>
    /// The folder for this content, filled by <paramref name="fill"/> when it is not there. Null with the cause when
    /// filling failed.
    /// </summary>
    public static string? Get(string name, string content, Func<string, ToolResult> fill, out string cause)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)))[..12];
        string folder = Path.Combine(Repository.Cache, $"{name}-{hash}");
        string mark = Path.Combine(folder, ".whole");
        cause = "";
        if (File.Exists(mark))
        {
            return folder;
        }
        using FileStream gate = TakeGate(folder + ".lock");
        if (File.Exists(mark))
        {
            return folder;
        }
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
        try
        {
            ToolResult result = fill(folder);
            if (result.ExitCode == 0)
            {
                File.WriteAllText(mark, content);
                return folder;
            }
            cause = result.Errors.Trim().Split('\n')[^1];
        }
        catch (HarnessException failure)
        {
            cause = failure.Message.Split('\n')[0];
        }
        return null;
    }

    private static FileStream TakeGate(string path)
    {
        FileStream? gate = null;
        Until.Holds(
            () =>
            {
                try
                {
                    gate = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                    return true;
                }
                catch (IOException)
                {
                    return false;
                }
            },
            $"the lock {path} is free",
            TimeSpan.FromMinutes(5)
        );
        return gate!;
    }
}
