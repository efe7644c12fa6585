namespace Aot.Broker.Harness;

/// <summary>Node.js with kafkajs and @platformatic/kafka, fetched once by npm.</summary>
public static class NodeClients
{
    private const string Packages = "kafkajs@2.2.4 @platformatic/kafka@1";
    private static readonly Lazy<(string? Folder, string Cause)> s_folder = new(Make);

    /// <summary>A folder from which scripts find the packages; null where there is none.</summary>
    public static string? Folder => s_folder.Value.Folder;

    public static string Cause => s_folder.Value.Cause;

    /// <summary>Runs a script (an ES module) that may import the packages.</summary>
    public static ToolResult Run(string script, IEnumerable<string> arguments, TimeSpan? limit = null)
    {
        string folder = Folder ?? throw new HarnessException("no Node.js clients: test NodeClients.Folder first");
        string path = Path.Combine(folder, $"script-{Guid.NewGuid():N}.mjs");
        File.WriteAllText(path, script);
        try
        {
            return Tool.Run("node", [path, .. arguments], limit: limit, workingDirectory: folder);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static (string?, string) Make()
    {
        if (Tool.Find("node") is null || Tool.Find("npm") is null)
        {
            return (null, "node and npm are not installed");
        }
        string? folder = CachedInstall.Get(
            "node",
            Packages,
            target =>
            {
                Directory.CreateDirectory(target);
                return Tool.Run(
                    "npm",
                    ["install", "--no-audit", "--no-fund", "--prefix", target, .. Packages.Split(' ')],
                    limit: TimeSpan.FromMinutes(4)
                );
            },
            out string cause
        );
        return folder is null ? (null, $"npm could not install {Packages} ({cause})") : (folder, "");
    }
}
