using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Xunit.Abstractions;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// Bytes that are no request of Kafka. Each ends its own connection, or is answered as Apache Kafka does; a client beside
/// it notices nothing; memory and descriptors stay where they were.
/// </summary>
public sealed class BadFrameTests(ITestOutputHelper output) : IDisposable
{
    private const long MegaByte = 1024 * 1024;

    private readonly BrokerProcess _broker = BrokerProcess.Start();

    public void Dispose() => _broker.Dispose();

    public static TheoryData<string, byte[]> Streams =>
        new()
        {
            { "length of 2 GiB - 1", [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0] },
            { "length -1", [0xFF, 0xFF, 0xFF, 0xFF] },
            { "smallest length", [0x80, 0, 0, 0] },
            { "length one above the limit", [0x06, 0x40, 0x00, 0x01, 0] },
            { "no header at all", [0, 0, 0, 0] },
            { "half a header", [0, 0, 0, 3, 0, 18, 0] },
            { "client id beyond the frame", [0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 0x7F, 0xFF] },
            { "client id of length -2", [0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFE] },
            { "HTTP", Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") },
            { "TLS", [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03, 1, 2, 3, 4, 5, 6, 7, 8, 9] },
            { "unknown API", Framed(WireClient.Request(1000, 0, 1, [])) },
            { "API -1", Framed(WireClient.Request(-1, 0, 1, [])) },
            { "API that a broker does not serve", Framed(WireClient.Request((short)ApiKey.Vote, 0, 1, new byte[20])) },
            { "version beyond the newest", Framed(WireClient.Request((short)ApiKey.Metadata, 100, 1, [0, 0, 0, 0])) },
            { "version below the oldest", Framed(WireClient.Request((short)ApiKey.Produce, 2, 1, new byte[20])) },
            { "version -1", Framed(WireClient.Request((short)ApiKey.Fetch, -1, 1, new byte[20])) },
            { "body cut off", Framed(WireClient.Request((short)ApiKey.Metadata, 1, 1, [0, 0, 0, 9, 0, 3])) },
            { "no body", Framed(WireClient.Request((short)ApiKey.CreateTopics, 7, 1, [], isFlexible: true)) },
            { "count -2", Framed(WireClient.Request((short)ApiKey.Metadata, 1, 1, [0xFF, 0xFF, 0xFF, 0xFE])) },
            { "smallest count", Framed(WireClient.Request((short)ApiKey.Metadata, 1, 1, [0x80, 0, 0, 0])) },
            { "largest count", Framed(WireClient.Request((short)ApiKey.Metadata, 1, 1, [0x7F, 0xFF, 0xFF, 0xFF])) },
            {
                "largest compact count",
                Framed(
                    WireClient.Request((short)ApiKey.Metadata, 12, 1, [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], isFlexible: true)
                )
            },
            {
                "varint without end",
                Framed(
                    WireClient.Request(
                        (short)ApiKey.Metadata,
                        12,
                        1,
                        [0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
                        isFlexible: true
                    )
                )
            },
        };

    [Theory]
    [MemberData(nameof(Streams))]
    public void A_stream_that_is_no_request_is_closed_with_one_line(string what, byte[] bytes)
    {
        using Bystander bystander = new(_broker);
        int lines = BrokerLog.Lines(_broker, "closed");
        using (KafkaConnection connection = new(_broker))
        {
            connection.ApiVersions();
            connection.Wire.SendRaw(bytes);
            Assert.True(connection.Wire.IsClosedByBroker(), what);
        }
        Until.Holds(() => BrokerLog.Lines(_broker, "closed") > lines, $"a line about it\n{_broker.Describe()}");
        bystander.MustGoOn();
        Assert.Equal(lines + 1, BrokerLog.Lines(_broker, "closed"));
        BrokerLog.HasNoStackTrace(_broker);
    }

    [Fact]
    public void Random_bytes_close_their_connection_and_nothing_else()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        Random random = new(seed);
        using Bystander bystander = new(_broker);
        long before = _broker.StatusBytes("VmRSS");
        for (int i = 0; i < 400; i++)
        {
            byte[] bytes = new byte[random.Next(1, 3000)];
            random.NextBytes(bytes);
            using WireClient wire = _broker.Connect();
            SendOrClosed(wire, bytes);
            if (random.Next(2) == 0)
            {
                // Whatever it waits for does not come.
                wire.Socket.Shutdown(SocketShutdown.Send);
                ReadToEnd(wire);
            }
        }
        bystander.MustGoOn();
        IsFlat(before, 32);
        BrokerLog.HasNoStackTrace(_broker);
    }

    [Fact]
    public void ApiVersions_of_an_unknown_version_is_answered_in_the_first_form()
    {
        short first = (short)(ApiKeys.HighestVersion(ApiKey.ApiVersions) + 1);
        foreach (short version in (short[])[first, 99, short.MaxValue])
        {
            using KafkaConnection connection = new(_broker);
            byte[] answer = connection.Wire.Exchange(
                WireClient.Request((short)ApiKey.ApiVersions, version, 7, [1, 1, 0], isFlexible: true)
            );
            ApiVersionsResponse response = KafkaConnection.Parse<ApiVersionsResponse>(
                answer,
                ApiKey.ApiVersions,
                0,
                ApiVersionsResponse.TryRead
            );
            Assert.Equal(ErrorCode.UnsupportedVersion, (ErrorCode)response.ErrorCode);
            ApiVersionsResponse.ApiVersion own = Assert.Single(response.ApiKeys);
            Assert.Equal(((short)ApiKey.ApiVersions, 0), (own.ApiKey, own.MinVersion));
            // The same connection goes on with a version of the answer.
            Assert.Equal(0, connection.ApiVersions().ErrorCode);
        }
        BrokerLog.HasNoStackTrace(_broker);
    }

    [Fact]
    public void A_frame_cut_off_by_the_end_of_the_stream_is_dropped()
    {
        byte[] whole = Framed(KafkaConnection.Frame(ApiKey.Metadata, 12, 1, new MetadataRequest { Topics = null }));
        using Bystander bystander = new(_broker);
        int files = _broker.OpenFiles();
        for (int length = 0; length < whole.Length; length++)
        {
            using WireClient wire = _broker.Connect();
            wire.SendRaw(whole.AsSpan(0, length));
            wire.Socket.Shutdown(SocketShutdown.Send);
            Assert.True(wire.IsClosedByBroker(), $"after {length} bytes");
        }
        bystander.MustGoOn();
        Until.Holds(() => _broker.OpenFiles() <= files, "the descriptors are given back");
        BrokerLog.HasNoStackTrace(_broker);
    }

    [Fact]
    public void A_client_that_ends_its_side_gets_its_answer_or_a_close()
    {
        using Bystander bystander = new(_broker);
        int files = _broker.OpenFiles();
        int answered = 0;
        for (int i = 0; i < 50; i++)
        {
            using WireClient wire = _broker.Connect();
            wire.SendFrame(KafkaConnection.Frame(ApiKey.Metadata, 12, i, new MetadataRequest { Topics = null }));
            wire.Socket.Shutdown(SocketShutdown.Send);
            if (wire.ReceiveFrame() is { } answer)
            {
                answered++;
                Assert.Equal(i, BinaryPrimitives.ReadInt32BigEndian(answer));
            }
            Assert.True(wire.IsClosedByBroker());
        }
        output.WriteLine($"{answered} of 50 answered");
        bystander.MustGoOn();
        Until.Holds(() => _broker.OpenFiles() <= files, "the descriptors are given back");
    }

    [Fact]
    public void A_request_that_comes_byte_by_byte_is_served_and_holds_up_nobody()
    {
        byte[] bytes = Framed(KafkaConnection.Frame(ApiKey.Metadata, 12, 77, new MetadataRequest { Topics = null }));
        using Bystander bystander = new(_broker);
        using WireClient slow = _broker.Connect();
        for (int i = 0; i < bytes.Length; i++)
        {
            slow.SendRaw(bytes.AsSpan(i, 1));
            bystander.MustGoOn(2);
        }
        Assert.Equal(77, BinaryPrimitives.ReadInt32BigEndian(slow.ReceiveFrame()));
    }

    [Fact]
    public void Thousands_of_connections_come_and_go()
    {
        using Bystander bystander = new(_broker);
        int files = _broker.OpenFiles();
        OpenAndDrop(500);
        Until.Holds(() => _broker.OpenFiles() <= files, "the descriptors are given back");
        long before = _broker.StatusBytes("VmRSS");
        OpenAndDrop(2000);
        Until.Holds(() => _broker.OpenFiles() <= files, "the descriptors are given back");
        bystander.MustGoOn();
        IsFlat(before, 16);
        BrokerLog.HasNoStackTrace(_broker);
    }

    [Fact]
    public void A_thousand_sockets_that_announce_a_hundred_mebibytes_reserve_next_to_nothing()
    {
        using Bystander bystander = new(_broker);
        long before = _broker.StatusBytes("VmRSS");
        byte[] start = Framed(KafkaConnection.Frame(ApiKey.Produce, 12, 1, KafkaConnection.ProduceRequest("t", 0, [])));
        BinaryPrimitives.WriteInt32BigEndian(start, (int)(100 * MegaByte));
        List<WireClient> silent = [];
        try
        {
            for (int i = 0; i < 1000; i++)
            {
                silent.Add(_broker.Connect());
                silent[i].SendRaw(start);
            }
            bystander.MustGoOn(20);
            IsFlat(before, 40);
        }
        finally
        {
            silent.ForEach(wire => wire.Dispose());
        }
        bystander.MustGoOn();
        BrokerLog.HasNoStackTrace(_broker);
    }

    internal static byte[] Framed(byte[] frame)
    {
        byte[] whole = new byte[4 + frame.Length];
        BinaryPrimitives.WriteInt32BigEndian(whole, frame.Length);
        frame.CopyTo(whole, 4);
        return whole;
    }

    private void OpenAndDrop(int count)
    {
        for (int i = 0; i < count; i++)
        {
            using WireClient wire = _broker.Connect();
            if (i % 3 == 0)
            {
                wire.SendRaw([0, 0, 1]);
            }
            if (i % 2 == 0)
            {
                // Closing with unread or unsent data resets the connection.
                wire.Socket.LingerState = new LingerOption(true, 0);
            }
        }
    }

    private static void SendOrClosed(WireClient wire, byte[] bytes)
    {
        try
        {
            wire.SendRaw(bytes);
        }
        catch (SocketException)
        {
            // Closed before all of it was sent.
        }
    }

    private static void ReadToEnd(WireClient wire)
    {
        while (!wire.IsClosedByBroker()) { }
    }

    private void IsFlat(long before, long megaBytesMax)
    {
        long grown = _broker.StatusBytes("VmRSS") - before;
        output.WriteLine($"resident memory grew by {grown / 1024} KiB");
        Assert.True(grown < megaBytesMax * MegaByte, $"resident memory grew by {grown} bytes");
    }
}
