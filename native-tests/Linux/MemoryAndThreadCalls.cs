using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Linux.Tests;

public sealed unsafe class MemoryAndThreadCalls
{
    private const MapProtection ReadWrite = MapProtection.PROT_READ | MapProtection.PROT_WRITE;

    [Fact]
    public void Anonymous_memory_is_zero_holds_what_is_written_and_is_zero_again_after_it_was_given_back()
    {
        const int bytes = 1 << 20;
        nint at = Mappings.MapAnonymous(bytes, ReadWrite).Value;
        byte* p = (byte*)at;
        Assert.Equal(0, p[12345]);
        Assert.True(Mappings.Advise(at, bytes, MapAdvice.MADV_POPULATE_WRITE).IsOk);
        p[12345] = 7;
        Assert.Equal(7, p[12345]);

        Assert.True(Mappings.Advise(at, bytes, MapAdvice.MADV_DONTNEED).IsOk);

        Assert.Equal(0, p[12345]);
        Assert.True(Mappings.Lock(at, 4096).IsOk);
        Assert.True(Mappings.Unlock(at, 4096).IsOk);
        Assert.True(Mappings.Protect(at, 4096, MapProtection.PROT_READ).IsOk);
        Assert.True(Mappings.Unmap(at, bytes).IsOk);
        Assert.Equal(Errno.ENOMEM, Mappings.Advise(at, bytes, MapAdvice.MADV_POPULATE_WRITE).Error);
    }

    [Fact]
    public void Stores_into_a_file_mapping_reach_the_file()
    {
        using TemporaryFile file = new(new byte[4096]);
        nint at = Mappings.MapFile(file.Fd, 0, 4096, ReadWrite).Value;
        ((byte*)at)[100] = 42;
        Assert.True(Mappings.Sync(at, 4096, MapSyncFlags.MS_SYNC).IsOk);
        Assert.True(Mappings.Unmap(at, 4096).IsOk);

        Span<byte> one = stackalloc byte[1];
        Assert.Equal(1, Files.Read(file.Fd, one, 100).Value);
        Assert.Equal(42, one[0]);
    }

    [Fact]
    public void More_memory_than_the_address_space_is_refused()
    {
        Assert.Equal(Errno.ENOMEM, Mappings.MapAnonymous(1L << 60, ReadWrite).Error);
    }

    [Fact]
    public void A_pinned_thread_runs_on_its_cpu_under_its_name()
    {
        int cpu = -1,
            seen = -1,
            id = 0;
        string? name = null;
        CpuSet after = default;
        Thread thread = new(() =>
        {
            cpu = Threads.GetAffinity().Value.Nth(0);
            Threads.PinTo(cpu).OrThrow("sched_setaffinity");
            Threads.SetName("core-0-with-a-long-name").OrThrow("prctl");
            seen = Threads.CurrentCpu().Value;
            after = Threads.GetAffinity().Value;
            id = Threads.Id();
            name = File.ReadAllText($"/proc/self/task/{id}/comm").Trim();
        });
        thread.Start();
        thread.Join();

        Assert.True(cpu >= 0);
        Assert.Equal(cpu, seen);
        Assert.Equal(1, after.Count);
        Assert.True(after.Contains(cpu));
        Assert.Equal("core-0-with-a-l", name);
        Assert.NotEqual(Threads.Id(), id);
    }

    [Fact]
    public void An_impossible_cpu_is_refused()
    {
        Assert.Equal(Errno.EINVAL, Threads.PinTo(CpuSet.CpusMax - 1).Error);
    }

    [Fact]
    public void Clocks_agree_with_the_runtimes_and_never_go_back()
    {
        long first = Clocks.MonotonicNanoseconds();
        long second = Clocks.MonotonicNanoseconds();
        long ours = Clocks.RealtimeNanoseconds() / 1_000_000;
        long theirs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

        Assert.True(second >= first);
        Assert.True(theirs >= ours && theirs - ours < 60_000);
        Assert.True(Clocks.ThreadCpuNanoseconds() > 0);
    }

    [Fact]
    public void Limits_are_read_and_the_soft_one_can_be_raised_to_the_hard_one()
    {
        rlimit before = Processes.GetLimit(ResourceLimit.RLIMIT_NOFILE).Value;
        Assert.True(before.rlim_cur > 0 && before.rlim_cur <= before.rlim_max);

        rlimit after = Processes.RaiseLimit(ResourceLimit.RLIMIT_NOFILE).Value;

        Assert.Equal(before.rlim_max, after.rlim_cur);
        Assert.Equal(after.rlim_cur, Processes.GetLimit(ResourceLimit.RLIMIT_NOFILE).Value.rlim_cur);
        Assert.True(Processes.SetLimit(ResourceLimit.RLIMIT_NOFILE, before).IsOk);
        Assert.Equal(Environment.ProcessId, Processes.Id());
    }

    [Fact]
    public void Random_bytes_fill_the_whole_span_and_differ()
    {
        byte[] a = new byte[1000],
            b = new byte[1000];
        Assert.True(Processes.FillRandom(a).IsOk);
        Assert.True(Processes.FillRandom(b).IsOk);

        Assert.NotEqual(a, b);
        Assert.Contains(a[^16..], value => value != 0);
    }

    [Fact]
    public void Hot_calls_allocate_nothing()
    {
        using TemporaryFile file = new("records"u8);
        Assert.True(Sockets.OpenPair(out Fd a, out Fd b).IsOk);
        Span<byte> buffer = stackalloc byte[16];
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 50; i++)
            {
                Clocks.MonotonicNanoseconds();
                Sockets.SendFile(a, file.Fd, 0, 7);
                Sockets.Receive(b, buffer);
                Sockets.Receive(b, buffer);
                Files.Write(file.Fd, buffer, 0);
                Files.CacheStatus(file.Fd, 0, 4096, out _);
            }
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(Files.Close(a).IsOk);
        Assert.True(Files.Close(b).IsOk);
    }
}
