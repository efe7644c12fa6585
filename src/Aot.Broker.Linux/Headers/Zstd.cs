using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

/// <summary>zstd.h and zstd_errors.h of libzstd 1.5, the stable part.</summary>
internal static unsafe partial class Zstd
{
    /// <summary>The executable links the archive and binds this name directly; under the JIT it is the shared library.</summary>
    private const string Library = "libzstd.so.1";

    internal const int ZSTD_error_dstSize_tooSmall = 70;
    internal const ulong ZSTD_CONTENTSIZE_UNKNOWN = ulong.MaxValue;
    internal const ulong ZSTD_CONTENTSIZE_ERROR = ulong.MaxValue - 1;

    [LibraryImport(Library)]
    internal static partial uint ZSTD_isError(nuint code);

    [LibraryImport(Library)]
    internal static partial int ZSTD_getErrorCode(nuint functionResult);

    [LibraryImport(Library)]
    internal static partial int ZSTD_minCLevel();

    [LibraryImport(Library)]
    internal static partial int ZSTD_maxCLevel();

    [LibraryImport(Library)]
    internal static partial nuint ZSTD_compressBound(nuint srcSize);

    [LibraryImport(Library)]
    internal static partial ulong ZSTD_getFrameContentSize(byte* src, nuint srcSize);

    [LibraryImport(Library)]
    internal static partial nint ZSTD_createCCtx();

    [LibraryImport(Library)]
    internal static partial nuint ZSTD_freeCCtx(nint cctx);

    [LibraryImport(Library)]
    internal static partial nuint ZSTD_compressCCtx(
        nint cctx,
        byte* dst,
        nuint dstCapacity,
        byte* src,
        nuint srcSize,
        int compressionLevel
    );

    [LibraryImport(Library)]
    internal static partial nint ZSTD_createDCtx();

    [LibraryImport(Library)]
    internal static partial nuint ZSTD_freeDCtx(nint dctx);

    [LibraryImport(Library)]
    internal static partial nuint ZSTD_decompressDCtx(
        nint dctx,
        byte* dst,
        nuint dstCapacity,
        byte* src,
        nuint srcSize
    );
}
