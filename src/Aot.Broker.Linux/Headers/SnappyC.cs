using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

/// <summary>snappy-c.h of libsnappy 1.1. A status of 0 is SNAPPY_OK.</summary>
internal static unsafe partial class SnappyC
{
    /// <summary>The executable links the archive and binds this name directly; under the JIT it is the shared library.</summary>
    private const string Library = "libsnappy.so.1";

    [LibraryImport(Library)]
    internal static partial int snappy_compress(
        byte* input,
        nuint input_length,
        byte* compressed,
        nuint* compressed_length
    );

    [LibraryImport(Library)]
    internal static partial int snappy_uncompress(
        byte* compressed,
        nuint compressed_length,
        byte* uncompressed,
        nuint* uncompressed_length
    );

    [LibraryImport(Library)]
    internal static partial nuint snappy_max_compressed_length(nuint source_length);

    [LibraryImport(Library)]
    internal static partial int snappy_uncompressed_length(byte* compressed, nuint compressed_length, nuint* result);
}
