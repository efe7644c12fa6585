using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor.Tests;

public sealed unsafe class LinuxDiskTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("linux-disk-").FullName;
    private readonly LinuxDisk _disk = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Join(_folder, name);

    [Fact]
    public void Pieces_are_written_in_order_and_read_back()
    {
        Fd fd = Open("a.log", DiskOpen.CreateNew);
        byte[] bytes = new byte[5000];
        new Random(1).NextBytes(bytes);
        // SAFETY: pinned until the write has returned.
        fixed (byte* start = bytes)
        {
            IoPiece[] pieces = [new(start, 1), new(start + 1, 0), new(start + 1, 4000), new(start + 4001, 999)];
            Assert.Equal(5000, _disk.Write(fd, pieces, 100));
        }
        Assert.Equal(5100, _disk.Length(fd));
        byte[] back = new byte[6000];
        Assert.Equal(5000, _disk.Read(fd, back, 100));
        Assert.Equal(bytes, back[..5000]);
        Assert.Equal(0, _disk.Read(fd, back, 9000));
        _disk.Close(fd);
    }

    [Fact]
    public void A_lock_ends_with_Unlock_even_while_a_copy_of_its_descriptor_lives()
    {
        Assert.Equal(Errno.None, _disk.Lock(At("lock"), out Fd first));
        Assert.Equal(Errno.EAGAIN, _disk.Lock(At("lock"), out _));
        // What a child that is being started has until it executes its own program.
        int copy = dup(first.Value);
        _disk.Unlock(first);
        Assert.Equal(Errno.None, _disk.Lock(At("lock"), out Fd second));
        _disk.Unlock(second);
        _disk.Close(new Fd(copy));
    }

    [System.Runtime.InteropServices.DllImport("libc")]
    private static extern int dup(int fd);

    [Fact]
    public void More_pieces_than_one_call_takes_are_all_written()
    {
        Fd fd = Open("many.log", DiskOpen.CreateNew);
        byte[] bytes = new byte[3000];
        new Random(2).NextBytes(bytes);
        // SAFETY: pinned until the write has returned.
        fixed (byte* start = bytes)
        {
            IoPiece[] pieces = new IoPiece[3000];
            for (int i = 0; i < pieces.Length; i++)
            {
                pieces[i] = new IoPiece(start + i, 1);
            }
            Assert.Equal(3000, _disk.Write(fd, pieces, 0));
        }
        byte[] back = new byte[3000];
        Assert.Equal(3000, _disk.Read(fd, back, 0));
        Assert.Equal(bytes, back);
        _disk.Close(fd);
    }

    [Fact]
    public void Errors_are_values()
    {
        Assert.Equal(Errno.ENOENT, _disk.Open(At("none"), DiskOpen.ReadOnly, out Fd none));
        Assert.False(none.IsOpen);
        Fd fd = Open("x", DiskOpen.CreateNew);
        Assert.Equal(Errno.EEXIST, _disk.Open(At("x"), DiskOpen.CreateNew, out _));
        _disk.Close(fd);
        Fd readOnly = Open("x", DiskOpen.ReadOnly);
        Assert.Equal(-(long)Errno.EBADF, _disk.Write(readOnly, [1, 2, 3], 0));
        _disk.Close(readOnly);
        Assert.Equal(-(long)Errno.ENOENT, _disk.LengthOf(At("none")));
        Assert.Equal(Errno.ENOENT, _disk.Delete(At("none")));
        Assert.Equal(Errno.ENOENT, _disk.List(At("none"), []));
        Assert.Equal(Errno.ENOTDIR, _disk.List(At("x"), []));
    }

    [Fact]
    public void Files_are_truncated_reserved_renamed_and_deleted()
    {
        Fd fd = Open("x", DiskOpen.CreateNew);
        Assert.Equal(3, _disk.Write(fd, [1, 2, 3], 0));
        Assert.Equal(Errno.None, _disk.Truncate(fd, 2));
        Assert.Equal(2, _disk.Length(fd));
        Assert.Contains(_disk.Allocate(fd, 0, 1 << 20), new[] { Errno.None, Errno.EOPNOTSUPP });
        Assert.Equal(2, _disk.Length(fd));
        Assert.Equal(Errno.None, _disk.StartWriteback(fd, 0, 2));
        Assert.Equal(Errno.None, _disk.Sync(fd, dataOnly: true));
        Assert.Equal(Errno.None, _disk.Sync(fd, dataOnly: false));
        Assert.True(_disk.IsResident(fd, 0, 2));
        _disk.Close(fd);
        Assert.Equal(Errno.None, _disk.Rename(At("x"), At("y")));
        Assert.False(_disk.Exists(At("x")));
        Assert.Equal(2, _disk.LengthOf(At("y")));
        Assert.Equal(Errno.None, _disk.SyncDirectory(_folder));
        Assert.Equal(Errno.None, _disk.Delete(At("y")));
        Assert.False(_disk.Exists(At("y")));
    }

    [Fact]
    public void Directories_are_made_listed_and_removed()
    {
        Assert.Equal(Errno.None, _disk.CreateDirectories(At("a/b/c")));
        Assert.Equal(Errno.EEXIST, _disk.CreateDirectory(At("a")));
        Assert.Equal(Errno.None, _disk.WriteAllBytesAtomically(At("a/f"), [1]));
        List<DiskEntry> entries = [];
        Assert.Equal(Errno.None, _disk.List(At("a"), entries));
        Assert.Equal([new DiskEntry("b", true), new DiskEntry("f", false)], entries.OrderBy(e => e.Name));
        Assert.Equal(Errno.ENOTEMPTY, _disk.DeleteDirectory(At("a")));
        Assert.Equal(Errno.None, _disk.DeleteDirectory(At("a/b/c")));
    }

    [Fact]
    public void A_directory_of_many_entries_is_listed_whole()
    {
        for (int i = 0; i < 2000; i++)
        {
            File.WriteAllBytes(At($"a-file-with-a-name-of-some-length-{i:D5}"), []);
        }
        List<DiskEntry> entries = [];
        Assert.Equal(Errno.None, _disk.List(_folder, entries));
        Assert.Equal(2000, entries.Select(e => e.Name).Distinct().Count());
    }

    [Fact]
    public void An_atomic_write_replaces_the_content_and_leaves_nothing_beside_it()
    {
        Assert.Equal(Errno.None, _disk.WriteAllBytesAtomically(At("f"), [1, 2, 3]));
        File.WriteAllBytes(At("f.tmp"), [9, 9]);
        Assert.Equal(Errno.None, _disk.WriteAllBytesAtomically(At("f"), [4, 5]));
        Assert.Equal(Errno.None, _disk.ReadAllBytes(At("f"), out byte[] bytes));
        Assert.Equal([4, 5], bytes);
        Assert.False(_disk.Exists(At("f.tmp")));
        Assert.Equal(Errno.ENOENT, _disk.ReadAllBytes(At("g"), out bytes));
        Assert.Empty(bytes);
    }

    [Fact]
    public void A_locked_file_cannot_be_locked_again_until_it_is_closed()
    {
        Assert.Equal(Errno.None, _disk.Lock(At(".lock"), out Fd first));
        Assert.Equal(Errno.EAGAIN, _disk.Lock(At(".lock"), out Fd second));
        Assert.False(second.IsOpen);
        _disk.Close(first);
        Assert.Equal(Errno.None, _disk.Lock(At(".lock"), out Fd third));
        _disk.Close(third);
    }

    [Fact]
    public void Pages_dropped_from_the_cache_are_not_resident()
    {
        Fd fd = Open("cold", DiskOpen.CreateNew);
        _disk.Write(fd, new byte[1 << 20], 0);
        _disk.Sync(fd, dataOnly: false);
        Assert.True(_disk.IsResident(fd, 0, 1 << 20));
        Assert.True(Files.Advise(fd, 0, 0, FileAdvice.POSIX_FADV_DONTNEED).IsOk);
        // A file system in memory keeps its pages whatever it is told.
        bool isMemory = new DriveInfo(_folder).DriveFormat is "tmpfs" or "ramfs";
        Assert.Equal(isMemory, _disk.IsResident(fd, 0, 1 << 20));
        _disk.Close(fd);
    }

    private Fd Open(string name, DiskOpen mode)
    {
        Assert.Equal(Errno.None, _disk.Open(At(name), mode, out Fd fd));
        return fd;
    }
}
