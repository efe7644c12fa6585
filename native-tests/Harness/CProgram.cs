namespace Aot.Broker.Harness;

/// <summary>A few lines of C, for what a test cannot do to a process from outside.</summary>
public static class CProgram
{
    public static bool CanCompile => Tool.Find("gcc") is not null;

    /// <summary>A program, or a library to load before all others; its path.</summary>
    public static string Compile(string folder, string name, string source, bool isLibrary = false)
    {
        string path = Path.Combine(folder, name);
        File.WriteAllText(path + ".c", source);
        string[] form = isLibrary ? ["-shared", "-fPIC"] : [];
        Tool.Run("gcc", ["-O1", "-Wall", .. form, "-o", path, path + ".c", "-ldl"]).Ok();
        return path;
    }
}
