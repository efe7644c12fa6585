using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Aot.Broker.Base;

/// <summary>
/// Assertions about our own state, on in every build. A broken invariant stops the process at once: a broker that
/// goes on with state it cannot explain would lie to its clients. Bytes from the network or the disk, and errors of
/// the operating system, are never checked here; they have error codes.
/// </summary>
public static class Invariant
{
    /// <summary>True in test runs: <see cref="Verify"/> then walks whole structures.</summary>
    public static bool VerifyEnabled { get; set; }

    public static void That(
        [DoesNotReturnIf(false)] bool condition,
        [CallerArgumentExpression(nameof(condition))] string expression = "",
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0
    )
    {
        if (!condition)
        {
            Fail(expression, file, line);
        }
    }

    /// <summary>An expensive check, evaluated only where <see cref="VerifyEnabled"/> is set.</summary>
    public static void Verify(
        Func<bool> condition,
        [CallerArgumentExpression(nameof(condition))] string expression = "",
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0
    )
    {
        if (VerifyEnabled && !condition())
        {
            Fail(expression, file, line);
        }
    }

    /// <summary>A place that cannot be reached while our state is sound.</summary>
    [DoesNotReturn]
    public static Exception Unreachable(string why, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        Fail(why, file, line);
        return null;
    }

    /// <summary>What a test puts here sees the message in place of the end of the process.</summary>
    public static Action<string>? OnFailure { get; set; }

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fail(string expression, string file, int line)
    {
        string message = $"invariant broken: {expression} at {Path.GetFileName(file)}:{line}";
        OnFailure?.Invoke(message);
        Console.Error.WriteLine(message);
        Environment.FailFast(message);
    }
}
