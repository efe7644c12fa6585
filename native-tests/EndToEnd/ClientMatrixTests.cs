using Aot.Broker.EndToEnd.Tests.Matrix;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>
/// The part of the client matrix that is quick: what <c>./build.sh clients</c> found for a cell has to be found again. And the
/// table in README is that result.
/// </summary>
[Trait("Io", "once")]
public sealed class ClientMatrixTests(ITestOutputHelper output)
{
    public static TheoryData<string> Clients => [.. MatrixClients.All.Select(client => client.Name)];

    [Theory]
    [MemberData(nameof(Clients))]
    public void A_client_can_still_do_what_the_table_says(string name)
    {
        MatrixClient client = MatrixClients.All.Single(one => one.Name == name);
        MatrixFeature[] features = [.. MatrixFeatures.All.Where(feature => feature.IsInSmoke)];
        if (ClientMatrix.Run(client, features, output.WriteLine) is not { } cells)
        {
            Peers.Skip(output, client.Missing);
            return;
        }
        Dictionary<(string, string), string> kept = MatrixTable.Kept();
        Assert.Equal(
            features.Select(feature => $"{feature.Name}: {kept[(name, feature.Name)]}"),
            features.Select(feature => $"{feature.Name}: {cells[feature.Name]}")
        );
    }

    [Fact]
    public void The_table_in_README_is_the_last_result_and_has_every_client_and_feature()
    {
        Dictionary<(string Client, string Feature), string> kept = MatrixTable.Kept();
        Assert.Equal(MatrixTable.Render(kept), MatrixTable.Shown());
        foreach (MatrixClient client in MatrixClients.All)
        {
            foreach (MatrixFeature feature in MatrixFeatures.All)
            {
                string[] allowed = MatrixClients.OwnFaults.ContainsKey((client.Name, feature.Name))
                    ? [MatrixTable.OwnFault]
                    : [MatrixTable.Yes, MatrixTable.No];
                Assert.Contains(kept[(client.Name, feature.Name)], allowed);
            }
        }
        Assert.Equal(MatrixClients.All.Count * MatrixFeatures.All.Count, kept.Count);
    }
}
