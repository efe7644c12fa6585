using System.Globalization;
using System.Text;

namespace Aot.Broker.Base;

/// <summary>
/// Where log lines go. A caller formats its line and puts it into a bounded queue; one background thread writes the
/// queue out, so that a reader of the log that stopped reading (a full pipe) cannot stop a core. When the queue is
/// full, lines are dropped and the next line that fits says how many.
/// </summary>
/// <remarks>
/// Line: <c>2026-01-02T03:04:05.678Z WARN  [socket] message key=value key="a value"</c>, time in UTC, one line per
/// event whatever the values hold: control characters in values are escaped and long values are cut.
/// Repeats: the same message of a component more than <see cref="RepeatsMax"/> times in <see cref="RepeatWindow"/> is
/// held back; the first one after the window says how many were. Fatal lines are never held back.
/// Threads: any. State is under one lock, held for a few hundred nanoseconds, never across a write.
/// </remarks>
public sealed class LogSink
{
    public const int RepeatsMax = 10;
    public static readonly TimeSpan RepeatWindow = TimeSpan.FromSeconds(10);

    private const int QueuedLinesMax = 4096;
    private const int ValueCharactersMax = 512;
    private const int StackCharactersMax = 16 * 1024;

    /// <summary>Distinct messages whose repeats are counted; the code has some hundreds.</summary>
    private const int CountedMessagesMax = 1024;

    private readonly Lock _gate = new();
    private readonly TimeProvider _clock;
    private readonly Action<ReadOnlyMemory<byte>>? _write;
    private readonly Action<string>? _capture;
    private readonly Dictionary<string, Logger> _loggers = [];
    private readonly Dictionary<string, LogLevel> _levels = [];
    private readonly Dictionary<(string Component, string Message), Repeats> _repeats = [];
    private readonly Queue<string> _queue = new();
    private readonly SemaphoreSlim _queued = new(0);
    private readonly ManualResetEventSlim _drained = new(true);
    private LogLevel _level = LogLevel.Info;
    private bool _writerStarted;
    private long _dropped;

    private LogSink(TimeProvider clock, Action<ReadOnlyMemory<byte>>? write, Action<string>? capture)
    {
        _clock = clock;
        _write = write;
        _capture = capture;
    }

    private record struct Repeats(long WindowStart, int Count, int Held);

    public static LogSink ToStandardError()
    {
        Stream stream = Console.OpenStandardError();
        return To(stream, TimeProvider.System);
    }

    public static LogSink To(Stream stream, TimeProvider clock) =>
        new(
            clock,
            bytes =>
            {
                try
                {
                    stream.Write(bytes.Span);
                    stream.Flush();
                }
                catch (IOException)
                {
                    // The reader of the log is gone; the broker goes on.
                }
            },
            null
        );

    /// <summary>Hands each line to <paramref name="line"/> at once, on the caller's thread: for tests.</summary>
    public static LogSink ToLines(Action<string> line, TimeProvider clock) => new(clock, null, line);

    public Logger For(string component)
    {
        lock (_gate)
        {
            if (!_loggers.TryGetValue(component, out Logger? logger))
            {
                logger = new Logger(this, component, _levels.GetValueOrDefault(component, _level));
                _loggers.Add(component, logger);
            }
            return logger;
        }
    }

    /// <summary>The level of every component that has none of its own.</summary>
    public LogLevel Level
    {
        get => _level;
        set
        {
            lock (_gate)
            {
                _level = value;
                foreach ((string component, Logger logger) in _loggers)
                {
                    logger.Level = _levels.GetValueOrDefault(component, value);
                }
            }
        }
    }

    /// <summary>Gives a component a level of its own, or, with null, the common one again.</summary>
    public void SetLevel(string component, LogLevel? level)
    {
        lock (_gate)
        {
            if (level is { } own)
            {
                _levels[component] = own;
            }
            else
            {
                _levels.Remove(component);
            }
            if (_loggers.TryGetValue(component, out Logger? logger))
            {
                logger.Level = level ?? _level;
            }
        }
    }

    /// <summary>The components that have spoken or may speak, with their levels, by name.</summary>
    public IReadOnlyList<(string Component, LogLevel Level)> Components()
    {
        lock (_gate)
        {
            return
            [
                .. _loggers
                    .Values.OrderBy(logger => logger.Component, StringComparer.Ordinal)
                    .Select(logger => (logger.Component, logger.Level)),
            ];
        }
    }

    /// <summary>Waits until what was logged is written out; false if the limit came first.</summary>
    public bool Flush(TimeSpan limit) => _drained.Wait(limit);

    internal void Write(
        LogLevel level,
        string component,
        string message,
        ReadOnlySpan<(string Key, object? Value)> fields
    )
    {
        long now = _clock.GetTimestamp();
        lock (_gate)
        {
            if (!TakeTurn(level, component, message, now, out int held))
            {
                return;
            }
            if (_queue.Count >= QueuedLinesMax)
            {
                _dropped++;
                return;
            }
            string line = Format(level, component, message, fields, held, _dropped);
            _dropped = 0;
            if (_capture is not null)
            {
                _capture(line);
                return;
            }
            _queue.Enqueue(line);
            _drained.Reset();
            StartWriter();
        }
        _queued.Release();
    }

    /// <summary>Counts one more of this message and says whether it may be written.</summary>
    private bool TakeTurn(LogLevel level, string component, string message, long now, out int held)
    {
        held = 0;
        if (level >= LogLevel.Fatal)
        {
            return true;
        }
        (string, string) key = (component, message);
        if (!_repeats.TryGetValue(key, out Repeats repeats))
        {
            if (_repeats.Count >= CountedMessagesMax)
            {
                // A message that is not a constant: forget the counts rather than grow.
                _repeats.Clear();
            }
            _repeats[key] = new Repeats(now, 1, 0);
            return true;
        }
        if (_clock.GetElapsedTime(repeats.WindowStart, now) > RepeatWindow)
        {
            held = repeats.Held;
            _repeats[key] = new Repeats(now, 1, 0);
            return true;
        }
        bool mayPass = repeats.Count < RepeatsMax;
        _repeats[key] = mayPass ? repeats with { Count = repeats.Count + 1 } : repeats with { Held = repeats.Held + 1 };
        return mayPass;
    }

    private void StartWriter()
    {
        if (_writerStarted)
        {
            return;
        }
        _writerStarted = true;
        Thread writer = new(WriteOut, maxStackSize: 256 * 1024) { IsBackground = true, Name = "log" };
        writer.Start();
    }

    private void WriteOut()
    {
        StringBuilder batch = new();
        while (true)
        {
            _queued.Wait();
            batch.Clear();
            lock (_gate)
            {
                while (_queue.TryDequeue(out string? line))
                {
                    batch.Append(line).Append('\n');
                }
            }
            if (batch.Length > 0)
            {
                _write!(Encoding.UTF8.GetBytes(batch.ToString()));
            }
            lock (_gate)
            {
                if (_queue.Count == 0)
                {
                    _drained.Set();
                }
            }
        }
    }

    private string Format(
        LogLevel level,
        string component,
        string message,
        ReadOnlySpan<(string Key, object? Value)> fields,
        int held,
        long dropped
    )
    {
        StringBuilder line = new(128);
        line.Append(
            _clock.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)
        );
        line.Append(' ').Append(NameOf(level)).Append(" [").Append(component).Append("] ");
        AppendEscaped(line, message);
        foreach ((string key, object? value) in fields)
        {
            line.Append(' ').Append(key).Append('=');
            AppendValue(line, value, key == "exception" ? StackCharactersMax : ValueCharactersMax);
        }
        if (held > 0)
        {
            line.Append(" held_back=").Append(held);
        }
        if (dropped > 0)
        {
            line.Append(" dropped_lines=").Append(dropped);
        }
        return line.ToString();
    }

    public static string NameOf(LogLevel level) =>
        level switch
        {
            LogLevel.Trace => "TRACE",
            LogLevel.Debug => "DEBUG",
            LogLevel.Info => "INFO ",
            LogLevel.Warn => "WARN ",
            LogLevel.Error => "ERROR",
            LogLevel.Fatal => "FATAL",
            _ => "OFF  ",
        };

    private static void AppendValue(StringBuilder line, object? value, int charactersMax)
    {
        string text = value switch
        {
            null => "null",
            bool flag => flag ? "true" : "false",
            IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
            _ => value.ToString() ?? "null",
        };
        bool cut = text.Length > charactersMax;
        if (cut)
        {
            text = text[..charactersMax];
        }
        if (text.Length > 0 && !text.AsSpan().ContainsAny(s_quoted) && !HasControl(text))
        {
            line.Append(text);
        }
        else
        {
            line.Append('"');
            AppendEscaped(line, text, quoted: true);
            line.Append('"');
        }
        if (cut)
        {
            line.Append("...");
        }
    }

    private static readonly System.Buffers.SearchValues<char> s_quoted = System.Buffers.SearchValues.Create(" \"=\\");

    private static bool HasControl(string text)
    {
        foreach (char c in text)
        {
            if (char.IsControl(c) || char.IsSurrogate(c))
            {
                return true;
            }
        }
        return false;
    }

    private static void AppendEscaped(StringBuilder line, string text, bool quoted = false)
    {
        foreach (char c in text)
        {
            switch (c)
            {
                case '\n':
                    line.Append("\\n");
                    break;
                case '\r':
                    line.Append("\\r");
                    break;
                case '\t':
                    line.Append("\\t");
                    break;
                case '"' or '\\' when quoted:
                    line.Append('\\').Append(c);
                    break;
                default:
                    if (char.IsControl(c) || char.IsSurrogate(c))
                    {
                        line.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
                    }
                    else
                    {
                        line.Append(c);
                    }
                    break;
            }
        }
    }
}
