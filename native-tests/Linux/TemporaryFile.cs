using Aot.Broker.Base;

namespace Aot.Broker.Linux.Tests;

/// <summary>An open file with content, removed at the end.</summary>
internal sealed class TemporaryFile : IDisposable
{
    public TemporaryFile(ReadOnlySpan<byte> content = default)
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"aot-broker-{Guid.NewGuid():N}");
        Fd = FilePaths.Open(Path, OpenFlags.O_RDWR | OpenFlags.O_CREAT | OpenFlags.O_EXCL).OrThrow("open", Path);
        Assert.Equal(content.Length, Files.Write(Fd, content, 0).Value);
    }

    public string Path { get; }

    public Fd Fd { get; }

    public void Dispose()
    {
        Assert.True(Files.Close(Fd).IsOk);
        FilePaths.Unlink(Path);
    }
}
