using Aot.Broker.Faults.Tests;
using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Costs.Tests;

/// <summary>The same request again and again: its bytes are made once, and each answer is held against the first.</summary>
internal static class RequestFrames
{
    public const short FetchVersion = 12;

    public static byte[] Produce(string topic, byte[] batch, int partition = 0) =>
        KafkaConnection.Frame(
            ApiKey.Produce,
            KafkaConnection.ProduceVersion,
            1,
            KafkaConnection.ProduceRequest(topic, partition, batch, acks: 1)
        );

    public static byte[] Fetch(string topic, long offset, int bytesMax, int waitMs = 0) =>
        KafkaConnection.Frame(
            ApiKey.Fetch,
            FetchVersion,
            1,
            KafkaConnection.FetchRequest(topic, 0, offset, bytesMax, waitMs)
        );

    public static ErrorCode ErrorOfFetch(byte[] answer) =>
        (ErrorCode)ReadFetch(answer).Responses[0].Partitions[0].ErrorCode;

    public static FetchResponse ReadFetch(byte[] answer) =>
        KafkaConnection.Parse<FetchResponse>(answer, ApiKey.Fetch, FetchVersion, FetchResponse.TryRead);

    public static void Produce(WireClient client, byte[] frame)
    {
        client.SendFrame(frame);
        ExpectProduced(client);
    }

    public static void ExpectProduced(WireClient client)
    {
        byte[] answer = client.ReceiveFrame() ?? throw new HarnessException("the broker closed the connection");
        Assert.Equal(ErrorCode.None, (ErrorCode)KafkaConnection.ReadProduceAnswer(answer).ErrorCode);
    }
}
