using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor.Tests;

public sealed class FileIoTests : IDisposable
{
    private readonly string _path = Path.Join(Path.GetTempPath(), $"reactor-{Guid.NewGuid():N}");

    public static IEnumerable<object[]> Backends() => Rig.Backends();

    public void Dispose() => File.Delete(_path);

    private sealed class Results : IFileTarget
    {
        public readonly List<(long Token, long Result)> Done = [];

        public void OnFileDone(long token, long result)
        {
            Assert.NotNull(Core.Current);
            Done.Add((token, result));
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Syncs_complete_with_their_tokens_and_errors(IoMode mode)
    {
        using Rig rig = new(mode);
        Results results = new();
        Assert.Equal(Errno.None, rig.Core.Disk.Open(_path, DiskOpen.CreateNew, out Fd fd));
        rig.On(core =>
        {
            core.Disk.Write(fd, new byte[10_000], 0);
            for (int i = 0; i < 20; i++)
            {
                core.Io.SyncFile(fd, dataOnly: i % 2 == 0, results, i);
            }
            core.Io.SyncFile(new Fd(1_000_000), dataOnly: true, results, 99);
            Assert.Empty(results.Done);
        });
        rig.Until(_ => results.Done.Count == 21, "all syncs");
        Assert.Equal(
            Enumerable.Range(0, 20).Select(i => ((long)i, 0L)).Append((99, -(long)Errno.EBADF)),
            results.Done.OrderBy(d => d.Token)
        );
        rig.Core.Disk.Close(fd);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Read_ahead_brings_cold_pages_in(IoMode mode)
    {
        using Rig rig = new(mode);
        Results results = new();
        const int length = 4 * 1024 * 1024;
        Assert.Equal(Errno.None, rig.Core.Disk.Open(_path, DiskOpen.CreateNew, out Fd fd));
        rig.Core.Disk.Write(fd, new byte[length], 0);
        rig.Core.Disk.Sync(fd, dataOnly: false);
        Assert.True(Files.Advise(fd, 0, 0, FileAdvice.POSIX_FADV_DONTNEED).IsOk);
        rig.On(core =>
        {
            core.Io.ReadAhead(fd, 0, length, results, 1);
            Assert.Empty(results.Done);
        });
        rig.Until(_ => results.Done.Count == 1, "read ahead");
        Assert.Equal(1, results.Done[0].Token);
        Assert.True(results.Done[0].Result >= 0);
        Assert.True(rig.Core.Disk.IsResident(fd, length - 4096, 4096));
        // The pages before the last were asked for first and come in with it, in whatever order the device has them.
        rig.Until(core => core.Disk.IsResident(fd, 0, length), "all pages");
        rig.Core.Disk.Close(fd);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void More_file_operations_than_a_submission_queue_holds_all_complete(IoMode mode)
    {
        using Rig rig = new(mode);
        Results results = new();
        Assert.Equal(Errno.None, rig.Core.Disk.Open(_path, DiskOpen.CreateNew, out Fd fd));
        rig.Core.Disk.Write(fd, new byte[64 * 1024], 0);
        rig.On(core =>
        {
            for (int i = 0; i < 700; i++)
            {
                core.Io.ReadAhead(fd, i * 64, 4096, results, i);
            }
        });
        rig.Until(_ => results.Done.Count == 700, "all");
        Assert.Equal(Enumerable.Range(0, 700).Select(i => (long)i), results.Done.Select(d => d.Token).Order());
        rig.Core.Disk.Close(fd);
    }
}
