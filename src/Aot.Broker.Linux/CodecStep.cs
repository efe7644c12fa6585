namespace Aot.Broker.Linux;

/// <summary>How a call into a compression library ended. Damaged input is an answer, never an exception.</summary>
public enum CodecStep : byte
{
    /// <summary>The stream or frame is complete.</summary>
    Done,

    /// <summary>The target is full and the stream is not at its end.</summary>
    TargetFull,

    /// <summary>The source is used up before the stream's end.</summary>
    SourceShort,
    Corrupt,
}
