using Aot.Broker.EndToEnd.Tests.Matrix;
using Aot.Broker.Harness;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>What <c>./build.sh clients</c> runs: the whole client matrix, or that of the clients whose name contains a word.</summary>
internal static class Program
{
    private const string Usage = """
        usage: ./build.sh clients                         every client and feature; the table is kept in README.md
               ./build.sh clients NAME                    the clients with that in their name
               ./build.sh clients NAME HOST:PORT          against a broker that runs already; nothing is kept
        """;

    public static int Main(string[] arguments)
    {
        if (arguments.Length > 2)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        string name = arguments.Length > 0 ? arguments[0] : "";
        MatrixClient[] clients =
        [
            .. MatrixClients.All.Where(client => client.Name.Contains(name, StringComparison.OrdinalIgnoreCase)),
        ];
        if (arguments.Length == 2)
        {
            foreach (MatrixClient client in clients)
            {
                ClientMatrix.Run(
                    client.Name,
                    client.Find() ?? throw new HarnessException($"{client.Missing} is not here"),
                    MatrixFeatures.All,
                    arguments[1],
                    Console.WriteLine
                );
            }
            return 0;
        }
        return Run(clients, name.Length == 0 ? [] : MatrixTable.Kept());
    }

    private static int Run(MatrixClient[] clients, Dictionary<(string, string), string> cells)
    {
        bool isWhole = clients.Length > 0;
        foreach (MatrixClient client in clients)
        {
            if (ClientMatrix.Run(client, MatrixFeatures.All, Console.Error.WriteLine) is not { } ofClient)
            {
                Console.Error.WriteLine($"{client.Name}: {client.Missing} is not here");
                isWhole = false;
                continue;
            }
            foreach ((string feature, string cell) in ofClient)
            {
                cells[(client.Name, feature)] = cell;
            }
        }
        Console.Write(MatrixTable.Render(cells));
        int failed = cells.Values.Count(cell => cell.StartsWith(MatrixTable.Failed, StringComparison.Ordinal));
        if (isWhole)
        {
            MatrixTable.Keep(cells);
        }
        Console.WriteLine($"{cells.Count} cells, {failed} failed{(isWhole ? "; kept in README.md" : "")}");
        return failed == 0 && isWhole ? 0 : 1;
    }
}
