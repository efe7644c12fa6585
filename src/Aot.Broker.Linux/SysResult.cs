using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>How a call without a value ended. The caller switches on <see cref="Error"/>.</summary>
public readonly struct SysResult(Errno error)
{
    public static SysResult Ok => default;

    public Errno Error { get; } = error;

    public bool IsOk => Error == Errno.None;

    /// <summary>For the control plane and start-up.</summary>
    /// <exception cref="LinuxException">The call failed.</exception>
    public void OrThrow(string call, string subject = "")
    {
        if (Error != Errno.None)
        {
            throw new LinuxException(call, subject, Error);
        }
    }

    /// <summary>For calls whose failure would mean that our own state is wrong (EBADF, EFAULT, EINVAL).</summary>
    public void OrStop(string call)
    {
        if (Error != Errno.None)
        {
            LinuxError.Stop(call, Error);
        }
    }

    public static implicit operator SysResult(Errno error) => new(error);

    internal static SysResult FromReturn(int returned) => returned >= 0 ? default : new SysResult(LinuxError.Last());

    public override string ToString() => IsOk ? "ok" : LinuxError.Describe(Error);
}

/// <summary>A value, or why there is none. For descriptors, counts and addresses it comes back in two registers.</summary>
public readonly struct SysResult<T>
    where T : unmanaged
{
    private readonly T _value;

    public SysResult(T value)
    {
        _value = value;
        Error = Errno.None;
    }

    public SysResult(Errno error)
    {
        Invariant.That(error != Errno.None);
        _value = default;
        Error = error;
    }

    public Errno Error { get; }

    public bool IsOk => Error == Errno.None;

    /// <summary>Only where <see cref="IsOk"/>.</summary>
    public T Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            Invariant.That(IsOk);
            return _value;
        }
    }

    public bool TryGet(out T value, out Errno error)
    {
        value = _value;
        error = Error;
        return IsOk;
    }

    public void Deconstruct(out T value, out Errno error)
    {
        value = _value;
        error = Error;
    }

    public static implicit operator SysResult<T>(T value) => new(value);

    public static implicit operator SysResult<T>(Errno error) => new(error);

    /// <summary>For the control plane and start-up.</summary>
    /// <exception cref="LinuxException">The call failed.</exception>
    public T OrThrow(string call, string subject = "") =>
        IsOk ? _value : throw new LinuxException(call, subject, Error);

    /// <summary>For calls whose failure would mean that our own state is wrong (EBADF, EFAULT, EINVAL).</summary>
    public T OrStop(string call)
    {
        if (!IsOk)
        {
            LinuxError.Stop(call, Error);
        }
        return _value;
    }

    public override string ToString() => IsOk ? _value.ToString() ?? "" : LinuxError.Describe(Error);
}

/// <summary>A failed call on a path that may throw: never on the data plane.</summary>
public sealed class LinuxException(string call, string subject, Errno error)
    : IOException(
        subject.Length == 0
            ? $"{call}: {LinuxError.Describe(error)}"
            : $"{call} {subject}: {LinuxError.Describe(error)}"
    )
{
    public Errno Error { get; } = error;

    public string Call { get; } = call;
}

public static class LinuxError
{
    /// <summary>
    /// The errno of this thread's last failed declaration. The generated stub stored it right after the call, so
    /// nothing of the runtime came between; it is read once, by the typed form that made the call.
    /// </summary>
    internal static Errno Last()
    {
        Errno error = (Errno)Marshal.GetLastPInvokeError();
        Invariant.That(error != Errno.None);
        return error;
    }

    /// <summary>Name and text, as in "ENOSPC (No space left on device)".</summary>
    public static string Describe(Errno error) => $"{error} ({Marshal.GetPInvokeErrorMessage((int)error)})";

    /// <summary>The default of an exhaustive switch over errno: a cause that this call cannot have while we are sound.</summary>
    [DoesNotReturn]
    public static void Stop(string call, Errno error) =>
        throw Invariant.Unreachable($"{call} failed: {Describe(error)}");
}
