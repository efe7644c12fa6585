using System.Diagnostics;

namespace Aot.Broker.Linux.Tests;

/// <summary>The structs and constants of the compression libraries against their C headers.</summary>
public sealed class CompressionHeaders
{
    private static readonly string[] s_headers = ["zlib.h", "zstd.h", "zstd_errors.h", "lz4frame.h"];

    [Fact]
    public async Task Structs_and_constants_match_the_c_headers()
    {
        if (!s_headers.All(h => File.Exists(Path.Combine("/usr/include", h))))
        {
            return; // The libraries' headers are not on this machine; they come with the packages that the build installs.
        }
        Assert.Equal((0, ""), await Compile(Layouts()));
        (int exitCode, string output) = await Compile([Assertion("sizeof(z_stream)", 8)]);
        Assert.NotEqual(0, exitCode);
        Assert.Contains("sizeof(z_stream)", output);
    }

    private static unsafe string[] Layouts()
    {
        Zlib.z_stream stream;
        Lz4frame.LZ4F_preferences_t preferences;
        // SAFETY: only the addresses of locals are compared; nothing is read through them.
        byte* s = (byte*)&stream;
        byte* p = (byte*)&preferences;
        return
        [
            Assertion("sizeof(z_stream)", sizeof(Zlib.z_stream)),
            Assertion("offsetof(z_stream, avail_in)", (byte*)&stream.avail_in - s),
            Assertion("offsetof(z_stream, total_in)", (byte*)&stream.total_in - s),
            Assertion("offsetof(z_stream, next_out)", (byte*)&stream.next_out - s),
            Assertion("offsetof(z_stream, avail_out)", (byte*)&stream.avail_out - s),
            Assertion("offsetof(z_stream, total_out)", (byte*)&stream.total_out - s),
            Assertion("offsetof(z_stream, state)", (byte*)&stream.state - s),
            Assertion("offsetof(z_stream, opaque)", (byte*)&stream.opaque - s),
            Assertion("offsetof(z_stream, data_type)", (byte*)&stream.data_type - s),
            Assertion("offsetof(z_stream, adler)", (byte*)&stream.adler - s),
            Assertion("Z_NO_FLUSH", Zlib.Z_NO_FLUSH),
            Assertion("Z_FINISH", Zlib.Z_FINISH),
            Assertion("Z_OK", Zlib.Z_OK),
            Assertion("Z_STREAM_END", Zlib.Z_STREAM_END),
            Assertion("Z_BUF_ERROR", Zlib.Z_BUF_ERROR),
            Assertion("Z_DEFLATED", Zlib.Z_DEFLATED),
            Assertion("Z_DEFAULT_STRATEGY", Zlib.Z_DEFAULT_STRATEGY),
            Assertion("MAX_WBITS + 16", Zlib.GzipWindowBits),
            Assertion("sizeof(LZ4F_preferences_t)", sizeof(Lz4frame.LZ4F_preferences_t)),
            Assertion("sizeof(LZ4F_frameInfo_t)", sizeof(Lz4frame.LZ4F_frameInfo_t)),
            Assertion("offsetof(LZ4F_frameInfo_t, contentSize)", (byte*)&preferences.frameInfo.contentSize - p),
            Assertion("offsetof(LZ4F_frameInfo_t, dictID)", (byte*)&preferences.frameInfo.dictID - p),
            Assertion(
                "offsetof(LZ4F_frameInfo_t, blockChecksumFlag)",
                (byte*)&preferences.frameInfo.blockChecksumFlag - p
            ),
            Assertion("offsetof(LZ4F_preferences_t, compressionLevel)", (byte*)&preferences.compressionLevel - p),
            Assertion("offsetof(LZ4F_preferences_t, autoFlush)", (byte*)&preferences.autoFlush - p),
            Assertion("offsetof(LZ4F_preferences_t, favorDecSpeed)", (byte*)&preferences.favorDecSpeed - p),
            Assertion("LZ4F_VERSION", Lz4frame.LZ4F_VERSION),
            Assertion("LZ4F_max64KB", Lz4frame.LZ4F_max64KB),
            Assertion("LZ4F_blockIndependent", Lz4frame.LZ4F_blockIndependent),
            Assertion("ZSTD_error_dstSize_tooSmall", Zstd.ZSTD_error_dstSize_tooSmall),
            Assertion("ZSTD_CONTENTSIZE_UNKNOWN", "18446744073709551615ull"),
            Assertion("ZSTD_CONTENTSIZE_ERROR", "18446744073709551614ull"),
        ];
    }

    private static string Assertion(string expression, object value) =>
        $"_Static_assert(({expression}) == {value}, \"{expression}\");";

    private static async Task<(int ExitCode, string Output)> Compile(string[] asserts)
    {
        ProcessStartInfo start = new("gcc", ["-std=gnu11", "-fsyntax-only", "-x", "c", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(
            "#include <stddef.h>\n"
                + string.Concat(s_headers.Select(h => $"#include <{h}>\n"))
                + string.Join('\n', asserts)
                + "\n"
        );
        process.StandardInput.Close();
        string output = await errors;
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }
}
