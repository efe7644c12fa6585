using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

/// <summary>lz4frame.h of liblz4 1.9, the stable part.</summary>
internal static unsafe partial class Lz4frame
{
    /// <summary>The executable links the archive and binds this name directly; under the JIT it is the shared library.</summary>
    private const string Library = "liblz4.so.1";

    internal const uint LZ4F_VERSION = 100;
    internal const int LZ4F_max64KB = 4;
    internal const int LZ4F_blockIndependent = 1;

    [StructLayout(LayoutKind.Sequential)]
    internal struct LZ4F_frameInfo_t
    {
        internal int blockSizeID;
        internal int blockMode;
        internal int contentChecksumFlag;
        internal int frameType;
        internal ulong contentSize;
        internal uint dictID;
        internal int blockChecksumFlag;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct LZ4F_preferences_t
    {
        internal LZ4F_frameInfo_t frameInfo;
        internal int compressionLevel;
        internal uint autoFlush;
        internal uint favorDecSpeed;
        private readonly uint _reserved0;
        private readonly uint _reserved1;
        private readonly uint _reserved2;
    }

    [LibraryImport(Library)]
    internal static partial uint LZ4F_isError(nuint code);

    [LibraryImport(Library)]
    internal static partial nuint LZ4F_createCompressionContext(nint* cctxPtr, uint version);

    [LibraryImport(Library)]
    internal static partial nuint LZ4F_freeCompressionContext(nint cctx);

    [LibraryImport(Library)]
    internal static partial nuint LZ4F_compressFrameBound(nuint srcSize, LZ4F_preferences_t* preferencesPtr);

    [LibraryImport(Library)]
    internal static partial nuint LZ4F_compressBegin(
        nint cctx,
        byte* dstBuffer,
        nuint dstCapacity,
        LZ4F_preferences_t* prefsPtr
    );

    [LibraryImport(Library)]
    internal static partial nuint LZ4F_compressUpdate(
        nint cctx,
        byte* dstBuffer,
        nuint dstCapacity,
        byte* srcBuffer,
        nuint srcSize,
        void* cOptPtr
    );

    [LibraryImport(Library)]
    internal static partial nuint LZ4F_compressEnd(nint cctx, byte* dstBuffer, nuint dstCapacity, void* cOptPtr);

    [LibraryImport(Library)]
    internal static partial nuint LZ4F_createDecompressionContext(nint* dctxPtr, uint version);

    [LibraryImport(Library)]
    internal static partial nuint LZ4F_freeDecompressionContext(nint dctx);

    [LibraryImport(Library)]
    internal static partial nuint LZ4F_decompress(
        nint dctx,
        byte* dstBuffer,
        nuint* dstSizePtr,
        byte* srcBuffer,
        nuint* srcSizePtr,
        void* dOptPtr
    );

    [LibraryImport(Library)]
    internal static partial void LZ4F_resetDecompressionContext(nint dctx);
}
