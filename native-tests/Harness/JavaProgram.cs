namespace Aot.Broker.Harness;

/// <summary>A program in Java, compiled once for each state of its sources.</summary>
public static class JavaProgram
{
    /// <summary>The folder of the compiled classes of all sources of a folder. The cause when they do not compile.</summary>
    public static string Compile(string folder, string classPath)
    {
        string[] sources = [.. Directory.GetFiles(folder, "*.java").Order(StringComparer.Ordinal)];
        string content = classPath + string.Concat(sources.Select(File.ReadAllText));
        string? classes = CachedInstall.Get(
            "java",
            content,
            target => Tool.Run("javac", ["-nowarn", "-d", target, "-cp", classPath, .. sources]).Ok(),
            out string cause
        );
        return classes ?? throw new HarnessException($"{folder} does not compile: {cause}");
    }
}
