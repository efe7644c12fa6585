namespace Aot.Broker.Dump;

/// <summary>What <c>log dump</c> was asked to show.</summary>
/// <param name="Decoder">Null: by the name of the directory.</param>
/// <param name="Quiet">No lines for what is sound: findings and the summary only.</param>
public sealed record DumpOptions(bool Records, bool Index, bool Verify, bool Quiet, RecordKind? Decoder);

/// <summary>A file or directory cannot be read at all; the message says which and why.</summary>
public sealed class UnreadableException(CommandLine.ExitCode exitCode, string message) : Exception(message)
{
    public CommandLine.ExitCode ExitCode { get; } = exitCode;
}
