using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>Reads gzip members (RFC 1952). For one thread, reused from member to member with <see cref="Start"/>.</summary>
public sealed unsafe class GzipDecoder
{
    private readonly Zlib.z_stream* _stream = GzipMemory.OpenStream();

    public GzipDecoder()
    {
        ReadOnlySpan<byte> version = "1.2.11\0"u8;
        // SAFETY: the version text is constant data of the executable; the stream is native memory that this object owns.
        fixed (byte* text = version)
        {
            int result = Zlib.inflateInit2_(_stream, Zlib.GzipWindowBits, text, sizeof(Zlib.z_stream));
            Invariant.That(result == Zlib.Z_OK);
        }
    }

    ~GzipDecoder()
    {
        // SAFETY: nobody else has the stream, and the finalizer runs once.
        Zlib.inflateEnd(_stream);
        NativeMemory.Free(_stream);
    }

    /// <summary>Forgets what came before, damaged or not.</summary>
    public void Start()
    {
        // SAFETY: the stream was opened by the constructor and lives as long as this object.
        int result = Zlib.inflateReset(_stream);
        Invariant.That(result == Zlib.Z_OK);
    }

    /// <summary>Goes on with the member; moves both spans past what was used.</summary>
    public CodecStep Decode(ref ReadOnlySpan<byte> source, ref Span<byte> target)
    {
        int result;
        // SAFETY: both spans are pinned for the call; zlib copies into its own window and keeps no pointer to them.
        fixed (byte* from = source)
        fixed (byte* to = target)
        {
            _stream->next_in = from;
            _stream->avail_in = (uint)source.Length;
            _stream->next_out = to;
            _stream->avail_out = (uint)target.Length;
            result = Zlib.inflate(_stream, Zlib.Z_NO_FLUSH);
            source = source[(source.Length - (int)_stream->avail_in)..];
            target = target[(target.Length - (int)_stream->avail_out)..];
        }
        return result switch
        {
            Zlib.Z_STREAM_END => CodecStep.Done,
            Zlib.Z_OK or Zlib.Z_BUF_ERROR => target.Length == 0 ? CodecStep.TargetFull : CodecStep.SourceShort,
            _ => CodecStep.Corrupt,
        };
    }
}

/// <summary>Writes one gzip member. For one thread and one level, reused.</summary>
public sealed unsafe class GzipEncoder
{
    private readonly Zlib.z_stream* _stream = GzipMemory.OpenStream();

    /// <summary>1 (fast) to 9 (small), or -1 for zlib's own default of 6.</summary>
    public GzipEncoder(int level)
    {
        Level = level;
        ReadOnlySpan<byte> version = "1.2.11\0"u8;
        // SAFETY: the version text is constant data of the executable; the stream is native memory that this object owns.
        fixed (byte* text = version)
        {
            int result = Zlib.deflateInit2_(
                _stream,
                level,
                Zlib.Z_DEFLATED,
                Zlib.GzipWindowBits,
                Zlib.DEF_MEM_LEVEL,
                Zlib.Z_DEFAULT_STRATEGY,
                text,
                sizeof(Zlib.z_stream)
            );
            Invariant.That(result == Zlib.Z_OK);
        }
    }

    ~GzipEncoder()
    {
        // SAFETY: nobody else has the stream, and the finalizer runs once.
        Zlib.deflateEnd(_stream);
        NativeMemory.Free(_stream);
    }

    public int Level { get; }

    /// <summary>Target bytes that are enough whatever the source holds.</summary>
    public long BytesMax(int sourceBytes)
    {
        // A finished stream forgets that it has a gzip wrapper, and its bound is too small: reset it before asking.
        // SAFETY: the stream was opened by the constructor and lives as long as this object.
        int result = Zlib.deflateReset(_stream);
        Invariant.That(result == Zlib.Z_OK);
        return (long)Zlib.deflateBound(_stream, (nuint)sourceBytes);
    }

    public int Encode(ReadOnlySpan<byte> source, Span<byte> target)
    {
        // SAFETY: both spans are pinned for the calls; after Z_FINISH and the reset zlib has no pointer to them.
        fixed (byte* from = source)
        fixed (byte* to = target)
        {
            int result = Zlib.deflateReset(_stream);
            Invariant.That(result == Zlib.Z_OK);
            _stream->next_in = from;
            _stream->avail_in = (uint)source.Length;
            _stream->next_out = to;
            _stream->avail_out = (uint)target.Length;
            result = Zlib.deflate(_stream, Zlib.Z_FINISH);
            Invariant.That(result == Zlib.Z_STREAM_END);
            return target.Length - (int)_stream->avail_out;
        }
    }
}

internal static unsafe class GzipMemory
{
    /// <summary>Zeroed native memory: zlib checks that a stream still lies where it was opened.</summary>
    internal static Zlib.z_stream* OpenStream()
    {
        // SAFETY: the caller's object owns the memory and frees it in its finalizer.
        return (Zlib.z_stream*)NativeMemory.AllocZeroed((nuint)sizeof(Zlib.z_stream));
    }
}
