namespace Aot.Perf.Records;

/// <summary>How closely a consumer looks at what it reads.</summary>
internal enum CheckDepth
{
    /// <summary>Offsets of batches, without a gap.</summary>
    Offsets,

    /// <summary>And the checksum of each batch.</summary>
    Batches,

    /// <summary>And each record: its check, its number, its order.</summary>
    Records,
}
