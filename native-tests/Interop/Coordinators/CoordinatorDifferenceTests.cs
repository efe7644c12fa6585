using System.Text;
using Aot.Broker.Harness;
using Aot.Broker.Interop.Tests.Produce;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests.Coordinators;

/// <summary>
/// The same requests to the coordinators of Apache Kafka and of this broker, valid and not, at every version: the same
/// error codes and the same shape of each answer.
/// </summary>
[Trait("Io", "once")]
public sealed class CoordinatorDifferenceTests(ITestOutputHelper output)
{
    private const string Topic = "topic";
    private const int Partitions = 3;

    private static readonly string[] s_settings =
    [
        "group.initial.rebalance.delay.ms=0",
        "offsets.topic.num.partitions=1",
        "transaction.state.log.num.partitions=1",
        "share.coordinator.state.topic.num.partitions=1",
        "share.coordinator.state.topic.replication.factor=1",
        "share.coordinator.state.topic.min.isr=1",
        "group.consumer.assignment.interval.ms=0",
    ];

    /// <summary>Beginnings of what is answered otherwise on purpose, and why.</summary>
    private static readonly (string What, string Why)[] s_meant = [];

    [Fact]
    public void Every_request_gets_the_answer_of_Apache_Kafka()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        using KafkaServer kafka = KafkaServer.StartWithFeatures(s_settings);
        using BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { Set = s_settings });
        IReadOnlyList<ScriptAnswer> theirs = Play(kafka.Port);
        IReadOnlyList<ScriptAnswer> ours = Play(broker.Port);

        Assert.Equal(theirs.Select(answer => answer.What), ours.Select(answer => answer.What));
        StringBuilder differences = new();
        HashSet<string> meant = [];
        for (int i = 0; i < theirs.Count; i++)
        {
            if (theirs[i].Text == ours[i].Text)
            {
                continue;
            }
            string what = theirs[i].What;
            if (
                Array.Find(s_meant, each => what.StartsWith(each.What, StringComparison.Ordinal)) is { What: { } known }
            )
            {
                meant.Add(known);
                continue;
            }
            differences.AppendLine($"{what}:\n  Kafka {theirs[i].Text}\n  here  {ours[i].Text}");
        }
        output.WriteLine($"{theirs.Count} requests");
        Assert.True(differences.Length == 0, $"{differences}\n{broker.Describe()}");
        Assert.Equal(s_meant.Select(each => each.What).Except(meant), []);
    }

    private static IReadOnlyList<ScriptAnswer> Play(int port)
    {
        using ScriptClient client = new(port);
        client.CreateTopic(Topic, Partitions);
        client.AwaitCoordinators();
        new ClassicGroupScript(client, Topic).Play();
        new OffsetScript(client, Topic).Play();
        new ConsumerGroupScript(client, Topic).Play();
        new TransactionScript(client, Topic).Play();
        new ShareStateScript(client, Topic).Play();
        return client.Answers;
    }
}
