using System.Text;
using System.Text.RegularExpressions;
using Aot.Broker.Base;
using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests.Produce;

/// <summary>
/// The same produce requests to Apache Kafka and to this broker: the same answers, and the same batches in the logs.
/// </summary>
[Trait("Io", "once")]
public sealed partial class ProduceDifferenceTests(ITestOutputHelper output)
{
    /// <summary>Apache Kafka says UNKNOWN_SERVER_ERROR to these, from an exception that it did not expect.</summary>
    private static readonly Dictionary<ErrorCode, string> s_clearer = new()
    {
        [ErrorCode.InvalidRecord] = "records that cannot be decompressed or read",
        [ErrorCode.UnsupportedCompressionType] = "a codec that does not exist",
        [ErrorCode.None] = "offset deltas that have to be mended, and times below zero that nobody will see",
    };

    [Fact]
    public void Every_request_gets_the_answer_of_Apache_Kafka()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        using KafkaServer kafka = KafkaServer.Start();
        using BrokerProcess broker = BrokerProcess.Start();
        using ProduceClient theirs = new(kafka.Port);
        using ProduceClient ours = new(broker.Port);
        theirs.CreateTopics(ProduceCases.Topics);
        ours.CreateTopics(ProduceCases.Topics);

        StringBuilder differences = new();
        Dictionary<string, (long Theirs, long Ours)> ends = [];
        int count = 0;
        foreach (ProduceCase each in new ProduceCases(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()).All())
        {
            ProduceResponse.PartitionProduceResponse? expected = theirs.Produce(each);
            ProduceResponse.PartitionProduceResponse? actual = ours.Produce(each);
            (long Theirs, long Ours) end = ends.GetValueOrDefault(each.Topic);
            string wanted = Describe(expected, end.Theirs, tellsMessage: true);
            string found = Describe(actual, end.Ours, tellsMessage: expected?.ErrorMessage is not null);
            bool isClearer =
                expected?.ErrorCode == (short)ErrorCode.UnknownServerError
                && s_clearer.ContainsKey((ErrorCode)actual!.ErrorCode);
            if (wanted != found && !isClearer)
            {
                differences.AppendLine($"{each.Topic}, {each.Name}:\n  Kafka {wanted}\n  here  {found}");
            }
            ends[each.Topic] = (EndAfter(expected, each, end.Theirs), EndAfter(actual, each, end.Ours));
            count++;
        }
        foreach (string topic in ProduceCases.ComparedTopics)
        {
            Compare(topic, theirs.ReadAll(topic), ours.ReadAll(topic), differences);
        }
        output.WriteLine($"{count} requests");
        Assert.True(differences.Length == 0, $"{differences}\n{broker.Describe()}");
    }

    private static void Compare(string topic, byte[] theirs, byte[] ours, StringBuilder differences)
    {
        bool isByteForByte = ProduceCases.StoresProducersBytes(topic);
        StoredBatch[] expected = [.. StoredBatch.Split(theirs).Select(b => StoredBatch.Of(b, isByteForByte))];
        StoredBatch[] actual = [.. StoredBatch.Split(ours).Select(b => StoredBatch.Of(b, isByteForByte))];
        for (int i = 0; i < Math.Min(expected.Length, actual.Length); i++)
        {
            if (expected[i] != actual[i])
            {
                differences.AppendLine(
                    $"{topic}, batch {i}:\n  Kafka {Short(expected[i])}\n  here  {Short(actual[i])}"
                );
            }
        }
        if (expected.Length != actual.Length)
        {
            differences.AppendLine($"{topic}: {expected.Length} batches in Kafka, {actual.Length} here");
        }
    }

    private static string Short(StoredBatch batch)
    {
        string text = batch.ToString();
        return text.Length > 700 ? text[..700] : text;
    }

    /// <summary>The log's end, where the batch was taken and is no repetition.</summary>
    private static long EndAfter(ProduceResponse.PartitionProduceResponse? answer, ProduceCase each, long end) =>
        answer is { ErrorCode: 0 }
            ? Math.Max(end, answer.BaseOffset + StoredBatch.View(each.Records).RecordsCount)
            : end;

    /// <summary>
    /// An answer as one line. Offsets count from the end that the log had, so that one difference is not the cause of
    /// many. Times are the clock's, so that only their being there counts.
    /// </summary>
    private static string Describe(ProduceResponse.PartitionProduceResponse? answer, long end, bool tellsMessage)
    {
        if (answer is null)
        {
            return "closed the connection";
        }
        string offset = answer.BaseOffset < 0 ? $"{answer.BaseOffset}" : $"end{answer.BaseOffset - end:+0;-0}";
        string records = string.Join("; ", answer.RecordErrors.Select(Describe));
        string message = tellsMessage && answer.ErrorMessage is { } text ? Times().Replace(text, "T") : "null";
        return $"{(ErrorCode)answer.ErrorCode} base {offset} start {answer.LogStartOffset} "
            + $"append time {(answer.LogAppendTimeMs < 0 ? $"{answer.LogAppendTimeMs}" : "set")} records [{records}] "
            + $"message {message}";
    }

    private static string Describe(ProduceResponse.BatchIndexAndErrorMessage error) =>
        $"{error.BatchIndex}: {Times().Replace(error.BatchIndexErrorMessage ?? "null", "T")}";

    [GeneratedRegex(@"-?\d{12,20}")]
    private static partial Regex Times();
}
