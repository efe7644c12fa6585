namespace Aot.Broker.Harness;

/// <summary>Where things are: the checkout, the native binary, and a place for what tests download once.</summary>
public static class Repository
{
    /// <summary>The folder with the solution, above the test that runs.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The native binary: AOT_BROKER_BINARY, or what build.sh left in the checkout.</summary>
    public static string Binary
    {
        get
        {
            string path = Environment.GetEnvironmentVariable("AOT_BROKER_BINARY") is { Length: > 0 } given
                ? given
                : Path.Combine(Root, "out", "aot-broker");
            return File.Exists(path)
                ? path
                : throw new HarnessException($"{path} is not there: run ./build.sh build, or set AOT_BROKER_BINARY");
        }
    }

    /// <summary>Outside of the checkout, so that a clean one does not download again.</summary>
    public static string Cache
    {
        get
        {
            string path = Environment.GetEnvironmentVariable("AOT_BROKER_CACHE") is { Length: > 0 } given
                ? given
                : Path.Combine(
                    Environment.GetFolderPath(Environment.SpecialFolder.UserProfile),
                    ".cache",
                    "aot-broker-tests"
                );
            Directory.CreateDirectory(path);
            return path;
        }
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Aot.Broker.sln")))
            {
                return at.FullName;
            }
        }
        throw new HarnessException($"no Aot.Broker.sln above {AppContext.BaseDirectory}");
    }
}

/// <summary>Something that a test relied on did not happen; the message has all that is known about it.</summary>
public sealed class HarnessException(string message) : Exception(message);
