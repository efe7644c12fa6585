using System.Buffers.Binary;
using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;
using Xunit.Abstractions;

namespace Aot.Broker.Faults.Tests;

/// <summary>Requests that are well formed and whose records are not: an error of Kafka, and the connection goes on.</summary>
public sealed class BadRecordTests(ITestOutputHelper output) : IDisposable
{
    private const long MegaByte = 1024 * 1024;
    private const int AttributesAt = 21;
    private const int LastOffsetDeltaAt = 23;
    private const int RecordsCountAt = 57;

    private readonly BrokerProcess _broker = BrokerProcess.Start();

    public void Dispose() => _broker.Dispose();

    [Fact]
    public void Damaged_batches_are_refused_one_by_one_and_leave_no_record()
    {
        using Bystander bystander = new(_broker);
        using KafkaConnection connection = new(_broker);
        connection.CreateTopic("bad", 1);
        (string What, byte[] Records, ErrorCode[] Expected)[] cases =
        [
            ("wrong CRC", Changed(batch => batch[^1] ^= 1, seal: false), [ErrorCode.CorruptMessage]),
            (
                "magic 7",
                Changed(batch => batch[16] = 7, seal: false),
                [ErrorCode.CorruptMessage, ErrorCode.InvalidRecord]
            ),
            ("cut off", Batches.Numbered(0, 0, 3, 10)[..^5], [ErrorCode.CorruptMessage, ErrorCode.InvalidRecord]),
            (
                "half a batch header",
                Batches.Numbered(0, 0, 3, 10)[..30],
                [ErrorCode.CorruptMessage, ErrorCode.InvalidRecord]
            ),
            ("negative length", Changed(batch => Put(batch, 8, -1), seal: false), [ErrorCode.CorruptMessage]),
            (
                "length of 2 GiB",
                Changed(batch => Put(batch, 8, int.MaxValue), seal: false),
                [ErrorCode.CorruptMessage, ErrorCode.InvalidRecord]
            ),
            ("more records than there are", Changed(batch => Put(batch, RecordsCountAt, 1000)), Any),
            ("fewer records than there are", Changed(batch => Put(batch, RecordsCountAt, 1)), Any),
            ("negative count of records", Changed(batch => Put(batch, RecordsCountAt, -5)), Any),
            ("largest count of records", Changed(batch => Put(batch, RecordsCountAt, int.MaxValue)), Any),
            ("count that does not fit the offsets", Changed(batch => Put(batch, LastOffsetDeltaAt, 99)), Any),
            ("unknown codec", Changed(batch => batch[AttributesAt + 1] |= 7), Any),
            ("says gzip and is not", Changed(batch => batch[AttributesAt + 1] |= 1), Any),
            ("says snappy and is not", Changed(batch => batch[AttributesAt + 1] |= 2), Any),
            ("says lz4 and is not", Changed(batch => batch[AttributesAt + 1] |= 3), Any),
            ("says zstd and is not", Changed(batch => batch[AttributesAt + 1] |= 4), Any),
            ("control batch of a client", Changed(batch => batch[AttributesAt + 1] |= 0x20), Any),
            ("two batches", [.. Batches.Numbered(0, 0, 1, 1), .. Batches.Numbered(0, 1, 1, 1)], Any),
            ("nothing", [], Any),
        ];
        foreach ((string what, byte[] records, ErrorCode[] expected) in cases)
        {
            ErrorCode error = (ErrorCode)connection.Produce("bad", 0, records).ErrorCode;
            output.WriteLine($"{what}: {error}");
            Assert.True(error != ErrorCode.None, $"{what} was taken");
            Assert.True(error != ErrorCode.UnknownServerError, what);
            Assert.True(expected.Length == 0 || expected.Contains(error), $"{what}: {error}");
        }
        Assert.Equal(0, connection.Produce("bad", 0, Batches.Numbered(0, 0, 1, 1)).BaseOffset);
        bystander.MustGoOn();
        BrokerLog.HasNoStackTrace(_broker);
    }

    [Fact]
    public void A_batch_beyond_the_limit_is_refused_and_memory_stays()
    {
        using Bystander bystander = new(_broker);
        using KafkaConnection connection = new(_broker);
        connection.CreateTopic("small", 1, ("max.message.bytes", "10000"));
        Assert.Equal(ErrorCode.MessageTooLarge, Produce("small", 20_000));
        Assert.Equal(ErrorCode.None, Produce("small", 5_000));
        connection.CreateTopic("usual", 1);
        long before = _broker.StatusBytes("VmRSS");
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(ErrorCode.MessageTooLarge, Produce("usual", (int)(8 * MegaByte)));
        }
        Assert.Equal(ErrorCode.None, Produce("usual", 900_000));
        bystander.MustGoOn();
        IsFlat(before, 64);
        BrokerLog.HasNoStackTrace(_broker);

        ErrorCode Produce(string topic, int bytes) =>
            (ErrorCode)connection.Produce(topic, 0, Batches.Numbered(0, 0, 1, bytes)).ErrorCode;
    }

    /// <summary>A million times smaller on the wire than in memory.</summary>
    [Theory]
    [InlineData(CompressionCodec.Gzip)]
    [InlineData(CompressionCodec.Lz4)]
    [InlineData(CompressionCodec.Zstd)]
    public void A_batch_that_unpacks_to_hundreds_of_mebibytes_does_not_stay_in_memory(CompressionCodec codec)
    {
        using Bystander bystander = new(_broker);
        using KafkaConnection connection = new(_broker);
        connection.CreateTopic("bomb", 1);
        byte[] batch = Batches.Numbered(0, 0, 1, (int)(200 * MegaByte), new RecordBatchOptions { Codec = codec });
        output.WriteLine($"{batch.Length} bytes on the wire");
        long before = _broker.StatusBytes("VmRSS");
        for (int i = 0; i < 3; i++)
        {
            ErrorCode error = (ErrorCode)connection.Produce("bomb", 0, batch).ErrorCode;
            output.WriteLine($"{error}");
            Assert.NotEqual(ErrorCode.UnknownServerError, error);
        }
        bystander.MustGoOn();
        Until.Holds(
            () => _broker.StatusBytes("VmRSS") - before < 64 * MegaByte,
            "the memory is given back",
            TimeSpan.FromSeconds(30)
        );
        BrokerLog.HasNoStackTrace(_broker);
    }

    [Fact]
    public void A_client_that_reads_no_answers_is_not_read_from()
    {
        using Bystander bystander = new(_broker);
        using KafkaConnection writer = new(_broker);
        writer.CreateTopic("big", 1);
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(0, writer.Produce("big", 0, Batches.Numbered(0, i, 1, 900_000)).ErrorCode);
        }
        // The first lot also fills what the process keeps for later: pools, and the heap up to its first collection.
        BeDeaf(bystander, 20);
        long before = _broker.StatusBytes("VmRSS");
        BeDeaf(bystander, 20);
        IsFlat(before, 24);
        BrokerLog.HasNoStackTrace(_broker);
    }

    private void BeDeaf(Bystander bystander, int connections)
    {
        List<KafkaConnection> deaf = [];
        try
        {
            for (int i = 0; i < connections; i++)
            {
                KafkaConnection one = new(_broker);
                deaf.Add(one);
                SendUntilFull(
                    one,
                    i % 2 == 0
                        ? KafkaConnection.Frame(
                            ApiKey.Fetch,
                            12,
                            1,
                            KafkaConnection.FetchRequest("big", 0, 0, 64 << 20)
                        )
                        : KafkaConnection.Frame(ApiKey.Metadata, 12, 1, new MetadataRequest { Topics = null })
                );
                bystander.MustGoOn();
            }
            Assert.InRange(_broker.StatusBytes("VmRSS"), 0, 160 * MegaByte);
        }
        finally
        {
            deaf.ForEach(one => one.Dispose());
        }
        bystander.MustGoOn();
    }

    private static ErrorCode[] Any => [];

    /// <summary>Requests without end until nobody takes them any more; bounded because the kernel's buffers are.</summary>
    private static void SendUntilFull(KafkaConnection connection, byte[] frame)
    {
        byte[] bytes = [.. Enumerable.Repeat(BadFrameTests.Framed(frame), 200).SelectMany(one => one)];
        System.Net.Sockets.Socket socket = connection.Wire.Socket;
        socket.ReceiveBufferSize = 4096;
        int refused = 0;
        for (int sent = 0; refused < 3 && sent < 64 * MegaByte; )
        {
            // Not writable for a while: the broker has stopped reading and the buffers between are full.
            if (!socket.Poll(TimeSpan.FromMilliseconds(20), System.Net.Sockets.SelectMode.SelectWrite))
            {
                refused++;
                continue;
            }
            socket.Blocking = false;
            int taken = socket.Send(
                bytes,
                System.Net.Sockets.SocketFlags.None,
                out System.Net.Sockets.SocketError error
            );
            socket.Blocking = true;
            Assert.True(error is System.Net.Sockets.SocketError.Success or System.Net.Sockets.SocketError.WouldBlock);
            sent += taken;
        }
        Assert.Equal(3, refused);
    }

    private static byte[] Changed(Action<byte[]> change, bool seal = true)
    {
        byte[] batch = Batches.Numbered(0, 0, 3, 10);
        change(batch);
        if (seal)
        {
            RecordBatchPatch.Seal(batch);
        }
        return batch;
    }

    private static void Put(byte[] batch, int at, int value) =>
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(at), value);

    private void IsFlat(long before, long megaBytesMax)
    {
        long grown = _broker.StatusBytes("VmRSS") - before;
        output.WriteLine(
            $"resident memory grew by {grown / 1024} KiB, of the process's own {_broker.StatusBytes("RssAnon") / 1024} KiB"
        );
        Assert.True(grown < megaBytesMax * MegaByte, $"resident memory grew by {grown} bytes");
    }
}
