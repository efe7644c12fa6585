using Aot.Broker.Protocol.Codecs;

namespace Aot.Perf.Records;

/// <summary>What the records of a load look like.</summary>
/// <param name="ValueBytes">Of each record, at least <see cref="CheckedValue.HeaderBytes"/>.</param>
/// <param name="Keys">0 = no keys; else this many different ones.</param>
/// <param name="KeySkew">0 = every key equally often; else the exponent of a Zipf distribution.</param>
internal sealed record RecordShape(
    int ValueBytes,
    int PerBatch,
    CompressionCodec Codec = CompressionCodec.None,
    int Keys = 0,
    double KeySkew = 0
)
{
    /// <summary>A compressed batch is sent again and again as it is: its records cannot be numbered anew.</summary>
    public bool IsNumbered => Codec == CompressionCodec.None;
}
