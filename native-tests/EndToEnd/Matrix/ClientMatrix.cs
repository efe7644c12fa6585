using System.Diagnostics;
using Aot.Broker.Harness;

namespace Aot.Broker.EndToEnd.Tests.Matrix;

/// <summary>Runs features of the matrix with clients against brokers of their own.</summary>
internal static class ClientMatrix
{
    /// <summary>
    /// The cell of each feature: "yes", "no" where the library has no such feature, "own fault" where it fails with Apache Kafka as it
    /// does here, or "FAILED" with the reason. Null: the
    /// client is not here.
    /// </summary>
    public static Dictionary<string, string>? Run(
        MatrixClient client,
        IEnumerable<MatrixFeature> features,
        Action<string> tell
    )
    {
        if (client.Find() is not { } command)
        {
            return null;
        }
        // Members hear of each other at their heartbeats: with the defaults a rebalance takes many seconds.
        string[] settings =
        [
            "group.initial.rebalance.delay.ms=0",
            "group.consumer.assignment.interval.ms=100",
            "group.consumer.min.heartbeat.interval.ms=500",
            "group.consumer.heartbeat.interval.ms=500",
        ];
        using BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { Set = settings });
        Dictionary<string, string> cells = Run(client.Name, command, features, broker.Bootstrap, tell);
        if (broker.Errors.Contains(" ERROR ", StringComparison.Ordinal))
        {
            throw new HarnessException($"the broker tells of an error of its own\n{broker.Describe()}");
        }
        broker.Stop();
        return cells;
    }

    /// <summary>Against a broker that is there: another one shows whether a failure is the client's own.</summary>
    public static Dictionary<string, string> Run(
        string name,
        AgentCommand command,
        IEnumerable<MatrixFeature> features,
        string bootstrap,
        Action<string> tell
    )
    {
        Dictionary<string, string> cells = [];
        ClientAgent? agent = null;
        int number = 0;
        // So that a broker that is there can be used again.
        string run = Guid.NewGuid().ToString("N")[..6];
        try
        {
            foreach (MatrixFeature feature in features)
            {
                agent ??= new ClientAgent(command, bootstrap);
                long begin = Stopwatch.GetTimestamp();
                (string cell, string why, bool isSound) = Try(
                    feature,
                    new MatrixSubject(agent, bootstrap, $"feature-{run}-{++number}")
                );
                if (MatrixClients.OwnFaults.ContainsKey((name, feature.Name)))
                {
                    // Some of them show only now and then.
                    cell = MatrixTable.OwnFault;
                }
                cells[feature.Name] = cell;
                tell($"{name}: {feature.Name}: {cell} {why} ({Stopwatch.GetElapsedTime(begin).TotalSeconds:F1} s)");
                if (!isSound)
                {
                    // What the program is in the middle of is not known any more.
                    agent.Dispose();
                    agent = null;
                }
            }
        }
        finally
        {
            agent?.Dispose();
        }
        return cells;
    }

    private static (string Cell, string Why, bool IsSound) Try(MatrixFeature feature, MatrixSubject subject)
    {
        try
        {
            feature.Try(subject);
            return (MatrixTable.Yes, "", true);
        }
        catch (NoSuchFeatureException no)
        {
            return (MatrixTable.No, no.Message, true);
        }
        catch (Exception failure) when (failure is AgentException or HarnessException)
        {
            string why = failure.Message.ReplaceLineEndings(" ");
            return ($"{MatrixTable.Failed} {why}", subject.Agent.Errors, false);
        }
    }
}
