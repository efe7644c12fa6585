namespace Aot.Broker.Base;

public enum LogLevel
{
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
    Off,
}

/// <summary>
/// The voice of one component. The message is a constant sentence; what differs from line to line goes into the
/// fields, so that repeats can be recognised and limited. A data-plane method logs nothing, or calls a
/// <c>*Slow</c> method that does: a line costs allocations and a lock, but never waits for the reader of the log.
/// A mistake of a client is a line without a stack trace; <see cref="Bug"/> prints one, for errors that are ours.
/// </summary>
public sealed class Logger
{
    private readonly LogSink _sink;
    private volatile int _level;

    internal Logger(LogSink sink, string component, LogLevel level)
    {
        _sink = sink;
        Component = component;
        _level = (int)level;
    }

    public string Component { get; }

    public LogLevel Level
    {
        get => (LogLevel)_level;
        internal set => _level = (int)value;
    }

    public bool IsEnabled(LogLevel level) => (int)level >= _level;

    public void Trace(string message, params ReadOnlySpan<(string Key, object? Value)> fields) =>
        Write(LogLevel.Trace, message, fields);

    public void Debug(string message, params ReadOnlySpan<(string Key, object? Value)> fields) =>
        Write(LogLevel.Debug, message, fields);

    public void Info(string message, params ReadOnlySpan<(string Key, object? Value)> fields) =>
        Write(LogLevel.Info, message, fields);

    public void Warn(string message, params ReadOnlySpan<(string Key, object? Value)> fields) =>
        Write(LogLevel.Warn, message, fields);

    public void Error(string message, params ReadOnlySpan<(string Key, object? Value)> fields) =>
        Write(LogLevel.Error, message, fields);

    public void Fatal(string message, params ReadOnlySpan<(string Key, object? Value)> fields) =>
        Write(LogLevel.Fatal, message, fields);

    /// <summary>An exception that nothing from outside can cause: with its stack, as an error.</summary>
    public void Bug(string message, Exception exception) =>
        Write(LogLevel.Error, message, [("exception", exception.ToString())]);

    private void Write(LogLevel level, string message, ReadOnlySpan<(string Key, object? Value)> fields)
    {
        if (IsEnabled(level))
        {
            _sink.Write(level, Component, message, fields);
        }
    }
}

/// <summary>The log of this process; tests and the simulator make a <see cref="LogSink"/> of their own.</summary>
public static class Log
{
    public static LogSink Process { get; } = LogSink.ToStandardError();

    public static Logger For(string component) => Process.For(component);
}
