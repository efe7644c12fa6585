using Aot.Broker.Base;

namespace Aot.Broker.Linux.Tests;

public sealed unsafe class FileCalls
{
    [Fact]
    public void What_is_written_at_a_position_is_read_back_there()
    {
        using TemporaryFile file = new();
        byte* pieces = stackalloc byte[] { 1, 2, 3, 4, 5 };
        iovec* vector = stackalloc iovec[2];
        vector[0] = new iovec { iov_base = pieces, iov_len = 2 };
        vector[1] = new iovec { iov_base = pieces + 2, iov_len = 3 };
        Span<byte> buffer = stackalloc byte[8];

        Assert.Equal(5, Files.WriteVector(file.Fd, vector, 2, 10).Value);
        Assert.Equal(15, Files.Status(file.Fd).Value.LengthBytes);
        Assert.Equal(5, Files.Read(file.Fd, buffer, 10).Value);
        Assert.Equal([1, 2, 3, 4, 5], buffer[..5].ToArray());
        Assert.Equal(0, Files.Read(file.Fd, buffer, 15).Value);
        Assert.True(Files.Truncate(file.Fd, 12).IsOk);
        Assert.Equal(2, Files.Read(file.Fd, buffer, 10).Value);
    }

    [Fact]
    public void Just_written_bytes_are_in_the_page_cache_and_reported_so()
    {
        using TemporaryFile file = new(new byte[8192]);
        Span<byte> buffer = stackalloc byte[16];

        SysResult<int> cached = Files.ReadCached(file.Fd, buffer, 4096);
        Assert.True(cached.Error is Errno.None or Errno.EOPNOTSUPP, cached.ToString());
        SysResult status = Files.CacheStatus(file.Fd, 0, 8192, out cachestat pages);
        if (status.IsOk)
        {
            Assert.Equal(2UL, pages.nr_cache);
        }
        else
        {
            Assert.Equal(Errno.ENOSYS, status.Error);
        }
        Assert.True(Files.ReadAhead(file.Fd, 0, 8192).IsOk);
        Assert.True(Files.Advise(file.Fd, 0, 0, FileAdvice.POSIX_FADV_DONTNEED).IsOk);
    }

    [Fact]
    public void Space_is_reserved_and_data_is_made_durable()
    {
        using TemporaryFile file = new("records"u8);

        SysResult allocated = Files.Allocate(file.Fd, FallocateMode.FALLOC_FL_KEEP_SIZE, 0, 1 << 20);
        Assert.True(allocated.Error is Errno.None or Errno.EOPNOTSUPP);
        FileStatus status = Files.Status(file.Fd).Value;
        Assert.Equal(7, status.LengthBytes);
        Assert.True(!allocated.IsOk || status.AllocatedBytes >= 1 << 20);
        Assert.True(Files.SyncRange(file.Fd, 0, 0, SyncRangeFlags.SYNC_FILE_RANGE_WRITE).IsOk);
        Assert.True(Files.SyncData(file.Fd).IsOk);
        Assert.True(Files.Sync(file.Fd).IsOk);
        Assert.True(FilePaths.SyncDirectory(Path.GetTempPath()).IsOk);
    }

    [Fact]
    public void A_lock_excludes_another_open_of_the_same_file_until_it_is_closed()
    {
        using TemporaryFile file = new();
        Fd other = FilePaths.Open(file.Path, OpenFlags.O_RDWR).Value;
        try
        {
            Assert.True(Files.TryLockExclusive(file.Fd).IsOk);
            Assert.Equal(Errno.EAGAIN, Files.TryLockExclusive(other).Error);
            Assert.True(Files.Unlock(file.Fd).IsOk);
            Assert.True(Files.TryLockExclusive(other).IsOk);
            Assert.Equal(Errno.EAGAIN, Files.TryLockExclusive(file.Fd).Error);
        }
        finally
        {
            Assert.True(Files.Close(other).IsOk);
        }
        Assert.True(Files.TryLockExclusive(file.Fd).IsOk);
    }

    [Fact]
    public void Paths_are_renamed_listed_and_removed()
    {
        string directory = Path.Combine(Path.GetTempPath(), $"aot-broker-ä-{Guid.NewGuid():N}");
        Assert.True(FilePaths.MakeDirectory(directory).IsOk);
        Assert.Equal(Errno.EEXIST, FilePaths.MakeDirectory(directory).Error);
        Assert.True(FilePaths.Status(directory).Value.IsDirectory);
        string from = Path.Combine(directory, "a"),
            to = Path.Combine(directory, "b");
        Fd fd = FilePaths.Open(from, OpenFlags.O_RDWR | OpenFlags.O_CREAT).Value;
        ulong inode = Files.Status(fd).Value.Inode;
        Assert.True(Files.Close(fd).IsOk);

        Assert.True(FilePaths.Rename(from, to).IsOk);
        Assert.Equal(inode, FilePaths.Status(to).Value.Inode);
        Assert.True(FilePaths.Status(to).Value.IsRegularFile);
        Assert.Equal(Errno.ENOENT, FilePaths.Open(from, OpenFlags.O_RDONLY).Error);
        Assert.Equal(Errno.ENOTEMPTY, FilePaths.RemoveDirectory(directory).Error);
        Assert.True(FilePaths.Unlink(to).IsOk);
        Assert.True(FilePaths.RemoveDirectory(directory).IsOk);
    }

    [Theory]
    [InlineData("a\0b", Errno.EINVAL)]
    [InlineData(null, Errno.ENAMETOOLONG)]
    public void A_path_that_cannot_be_one_never_reaches_the_kernel(string? path, Errno expected)
    {
        path ??= new string('x', 4096);

        Assert.Equal(expected, FilePaths.Open(path, OpenFlags.O_RDONLY).Error);
        Assert.Equal(expected, FilePaths.Rename("/tmp", path).Error);
        Assert.Equal(expected, FilePaths.Unlink(path).Error);
        Assert.Equal(expected, FilePaths.MakeDirectory(path).Error);
        Assert.Equal(expected, FilePaths.RemoveDirectory(path).Error);
        Assert.Equal(expected, FilePaths.Status(path).Error);
        Assert.Equal(expected, FilePaths.SyncDirectory(path).Error);
    }

    [Fact]
    public void A_failed_call_on_the_control_plane_names_call_subject_and_cause()
    {
        LinuxException thrown = Assert.Throws<LinuxException>(() =>
            FilePaths.Open("/nonexistent/file", OpenFlags.O_RDONLY).OrThrow("open", "/nonexistent/file")
        );

        Assert.Equal(Errno.ENOENT, thrown.Error);
        Assert.Equal("open /nonexistent/file: ENOENT (No such file or directory)", thrown.Message);
        Assert.Throws<LinuxException>(() => Files.Sync(new Fd(-1)).OrThrow("fsync"));
    }

    [Fact]
    public void Calls_on_a_descriptor_that_is_not_open_report_ebadf()
    {
        Fd none = Fd.None;
        Span<byte> buffer = stackalloc byte[1];

        Assert.Equal(Errno.EBADF, Files.Close(none).Error);
        Assert.Equal(Errno.EBADF, Files.Read(none, buffer, 0).Error);
        Assert.Equal(Errno.EBADF, Files.ReadCached(none, buffer, 0).Error);
        Assert.Equal(Errno.EBADF, Files.Write(none, buffer, 0).Error);
        Assert.Equal(Errno.EBADF, Files.WriteVector(none, null, 0, 0).Error);
        Assert.Equal(Errno.EBADF, Files.Truncate(none, 0).Error);
        Assert.Equal(Errno.EBADF, Files.Allocate(none, FallocateMode.None, 0, 1).Error);
        Assert.Equal(Errno.EBADF, Files.SyncData(none).Error);
        Assert.Equal(Errno.EBADF, Files.SyncRange(none, 0, 0, 0).Error);
        Assert.Equal(Errno.EBADF, Files.Status(none).Error);
        Assert.Equal(Errno.EBADF, Files.Advise(none, 0, 0, FileAdvice.POSIX_FADV_NORMAL).Error);
        Assert.Equal(Errno.EBADF, Files.ReadAhead(none, 0, 1).Error);
        Assert.Equal(Errno.EBADF, Files.TryLockExclusive(none).Error);
        Assert.Equal(Errno.EBADF, Sockets.Receive(none, buffer).Error);
        Assert.Equal(Errno.EBADF, Readiness.SignalEventFd(none).Error);
    }
}
