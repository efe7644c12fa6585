using System.Text;

namespace Aot.Broker.Base.Tests;

public sealed class LogTests
{
    private readonly List<string> _lines = [];
    private readonly ManualClock _clock = new();

    private Logger NewLogger() => LogSink.ToLines(_lines.Add, _clock).For("socket");

    [Fact]
    public void A_line_has_time_level_component_message_and_fields()
    {
        NewLogger().Warn("connection closed", ("address", "127.0.0.1:7"), ("bytes", 12), ("why", "bad \"magic\""));
        Assert.Equal(
            """2026-01-02T03:04:05.678Z WARN  [socket] connection closed address=127.0.0.1:7 bytes=12 why="bad \"magic\"" """.TrimEnd(),
            Assert.Single(_lines)
        );
    }

    [Fact]
    public void Bytes_of_a_client_cannot_forge_a_line()
    {
        NewLogger().Info("client", ("id", "x\n2026-01-01T00:00:00.000Z FATAL [log] gone\u001b[2J"));
        string line = Assert.Single(_lines);
        Assert.DoesNotContain('\n', line);
        Assert.DoesNotContain('\u001b', line);
        Assert.Contains("\\n2026", line);
        Assert.Contains("\\u001b", line);
    }

    [Fact]
    public void A_long_value_is_cut()
    {
        NewLogger().Info("client", ("id", new string('a', 100_000)));
        Assert.True(Assert.Single(_lines).Length < 700);
    }

    [Fact]
    public void Repeats_are_held_back_and_counted_in_the_next_window()
    {
        Logger logger = NewLogger();
        for (int i = 0; i < 1000; i++)
        {
            logger.Warn("bad frame", ("n", i));
            logger.Fatal("the end");
        }
        Assert.Equal(LogSink.RepeatsMax, _lines.Count(line => line.Contains("bad frame")));
        Assert.Equal(1000, _lines.Count(line => line.Contains("the end")));
        _lines.Clear();
        _clock.Advance(LogSink.RepeatWindow + TimeSpan.FromSeconds(1));
        logger.Warn("bad frame", ("n", 1000));
        Assert.EndsWith("bad frame n=1000 held_back=990", Assert.Single(_lines));
    }

    [Fact]
    public void Messages_that_differ_each_time_do_not_grow_the_table_of_repeats()
    {
        Logger logger = NewLogger();
        for (int i = 0; i < 5000; i++)
        {
            logger.Info($"message {i}");
        }
        Assert.Equal(5000, _lines.Count);
    }

    [Fact]
    public void A_component_has_the_common_level_until_it_gets_its_own()
    {
        LogSink sink = LogSink.ToLines(_lines.Add, _clock);
        Logger storage = sink.For("storage");
        Logger socket = sink.For("socket");
        Assert.False(storage.IsEnabled(LogLevel.Debug));
        sink.SetLevel("storage", LogLevel.Debug);
        sink.Level = LogLevel.Error;
        storage.Debug("seen");
        socket.Warn("not seen");
        Assert.Contains("seen", Assert.Single(_lines));
        Assert.Equal([("socket", LogLevel.Error), ("storage", LogLevel.Debug)], sink.Components());
        sink.SetLevel("storage", null);
        Assert.Equal(LogLevel.Error, storage.Level);
    }

    [Fact]
    public void Flush_returns_when_all_lines_are_in_the_stream()
    {
        MemoryStream stream = new();
        LogSink sink = LogSink.To(stream, TimeProvider.System);
        for (int i = 0; i < 100; i++)
        {
            sink.For("a").Fatal("line", ("n", i));
        }
        Assert.True(sink.Flush(TimeSpan.FromSeconds(30)));
        Assert.Equal(100, Encoding.UTF8.GetString(stream.ToArray()).Split('\n').Length - 1);
    }

    [Fact]
    public void A_reader_that_stopped_reading_does_not_stop_the_writers_of_lines()
    {
        using ManualResetEventSlim unblock = new();
        BlockedStream stream = new(unblock);
        LogSink sink = LogSink.To(stream, TimeProvider.System);
        for (int i = 0; i < 20_000; i++)
        {
            sink.For("a").Fatal("line");
        }
        Assert.False(sink.Flush(TimeSpan.Zero));
        unblock.Set();
        Assert.True(sink.Flush(TimeSpan.FromSeconds(30)));
        sink.For("a").Fatal("after");
        Assert.True(sink.Flush(TimeSpan.FromSeconds(30)));
        string text = Encoding.UTF8.GetString(stream.ToArray());
        Assert.InRange(text.Split('\n').Length, 4096, 2 * 4096 + 4);
        Assert.Contains("dropped_lines=", text);
    }

    private sealed class BlockedStream(ManualResetEventSlim unblock) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            unblock.Wait();
            base.Write(buffer);
        }
    }

    private sealed class ManualClock : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

        public void Advance(TimeSpan by) => _now += by;

        public override DateTimeOffset GetUtcNow() => _now;

        public override long GetTimestamp() => _now.Ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
    }
}
