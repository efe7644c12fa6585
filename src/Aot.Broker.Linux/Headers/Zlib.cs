using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

/// <summary>zlib.h 1.2. A stream must not move while it is open: zlib keeps its address.</summary>
internal static unsafe partial class Zlib
{
    /// <summary>The executable links the archive and binds this name directly; under the JIT it is the shared library.</summary>
    private const string Library = "libz.so.1";

    internal const int Z_NO_FLUSH = 0;
    internal const int Z_FINISH = 4;
    internal const int Z_OK = 0;
    internal const int Z_STREAM_END = 1;
    internal const int Z_BUF_ERROR = -5;
    internal const int Z_DEFLATED = 8;
    internal const int Z_DEFAULT_STRATEGY = 0;
    internal const int DEF_MEM_LEVEL = 8;

    /// <summary>MAX_WBITS, plus 16 for the gzip wrapper and no other.</summary>
    internal const int GzipWindowBits = 15 + 16;

    [StructLayout(LayoutKind.Sequential)]
    internal struct z_stream
    {
        internal byte* next_in;
        internal uint avail_in;
        internal nuint total_in;
        internal byte* next_out;
        internal uint avail_out;
        internal nuint total_out;
        internal byte* msg;
        internal nint state;
        internal nint zalloc;
        internal nint zfree;
        internal nint opaque;
        internal int data_type;
        internal nuint adler;
        internal nuint reserved;
    }

    [LibraryImport(Library)]
    internal static partial int inflateInit2_(z_stream* strm, int windowBits, byte* version, int stream_size);

    [LibraryImport(Library)]
    internal static partial int inflateReset(z_stream* strm);

    [LibraryImport(Library)]
    internal static partial int inflate(z_stream* strm, int flush);

    [LibraryImport(Library)]
    internal static partial int inflateEnd(z_stream* strm);

    [LibraryImport(Library)]
    internal static partial int deflateInit2_(
        z_stream* strm,
        int level,
        int method,
        int windowBits,
        int memLevel,
        int strategy,
        byte* version,
        int stream_size
    );

    [LibraryImport(Library)]
    internal static partial int deflateReset(z_stream* strm);

    [LibraryImport(Library)]
    internal static partial nuint deflateBound(z_stream* strm, nuint sourceLen);

    [LibraryImport(Library)]
    internal static partial int deflate(z_stream* strm, int flush);

    [LibraryImport(Library)]
    internal static partial int deflateEnd(z_stream* strm);
}
