using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// A disk that fails while the broker runs: after an fsync that failed nobody knows what is on the disk, so the process ends
/// with 6, and what was acknowledged before is there when it starts on a disk that works again. A library that is loaded
/// before all others lets fsync and fdatasync fail while a file exists; requests that go through a ring it cannot reach.
/// </summary>
[Trait("Io", "once")]
public sealed class DiskErrorTests(ITestOutputHelper output) : IDisposable
{
    private const string Library = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        #include <sys/syscall.h>
        static int is_broken(void) {
          const char *trigger = getenv("DISK_IS_BROKEN_WHILE");
          return trigger != NULL && access(trigger, F_OK) == 0;
        }
        static int sync_file(int call, int file) {
          if (is_broken()) {
            errno = EIO;
            return -1;
          }
          return (int)syscall(call, file);
        }
        int fsync(int file) { return sync_file(SYS_fsync, file); }
        int fdatasync(int file) { return sync_file(SYS_fdatasync, file); }
        /* The broker looks its calls up in the C library by name. */
        void *dlsym(void *library, const char *name) {
          static void *(*real)(void *, const char *);
          const char *versions[] = { "GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5" };
          for (int i = 0; real == NULL && i < 3; i++) real = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
          if (strcmp(name, "fsync") == 0) return fsync;
          if (strcmp(name, "fdatasync") == 0) return fdatasync;
          return real(library, name);
        }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("aot-broker-disk-").FullName;

    private string Trigger => Path.Combine(_folder, "broken");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_sync_that_fails_while_it_serves_ends_with_6()
    {
        if (!CProgram.CanCompile)
        {
            Peers.Skip(output, "gcc");
            return;
        }
        using BrokerProcess broker = StartOnBreakableDisk("epoll");
        using (KafkaConnection connection = new(broker))
        {
            connection.CreateTopic("before", 1);
            connection.Produce("before", 0, Batches.Numbered(0, 0, 3, 10));
            File.WriteAllText(Trigger, "");
            // The controller's records count when they are synced: this one never is.
            Assert.NotNull(Record.Exception(() => connection.CreateTopic("after", 1)));
        }
        EndsWithDiskError(broker);
    }

    [Fact]
    public void A_record_whose_sync_fails_is_not_acknowledged_and_the_file_is_named()
    {
        if (!CProgram.CanCompile)
        {
            Peers.Skip(output, "gcc");
            return;
        }
        using BrokerProcess broker = StartOnBreakableDisk("epoll");
        using (KafkaConnection connection = new(broker))
        {
            connection.CreateTopic("before", 1, ("flush.messages", "1"));
            connection.Produce("before", 0, Batches.Numbered(0, 0, 3, 10));
            File.WriteAllText(Trigger, "");
            Assert.NotNull(Record.Exception(() => connection.Produce("before", 0, Batches.Numbered(0, 3, 1, 10))));
        }
        Assert.Equal(6, broker.WaitForExit());
        Assert.Contains("EIO", broker.Errors);
        Assert.Contains("before-0/00000000000000000000.log", broker.Errors);
        BrokerLog.HasNoStackTrace(broker);
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void A_sync_that_fails_at_the_stop_ends_with_6(string io)
    {
        if (!CProgram.CanCompile)
        {
            Peers.Skip(output, "gcc");
            return;
        }
        using BrokerProcess broker = StartOnBreakableDisk(io);
        using (KafkaConnection connection = new(broker))
        {
            connection.CreateTopic("before", 1);
            connection.Produce("before", 0, Batches.Numbered(0, 0, 3, 10));
        }
        File.WriteAllText(Trigger, "");
        broker.Terminate();
        EndsWithDiskError(broker);
    }

    private BrokerProcess StartOnBreakableDisk(string io)
    {
        string library = CProgram.Compile(_folder, "disk.so", Library, isLibrary: true);
        return BrokerProcess.Start(
            new BrokerOptions { Io = io, Wrapper = ["env", $"LD_PRELOAD={library}", $"DISK_IS_BROKEN_WHILE={Trigger}"] }
        );
    }

    private void EndsWithDiskError(BrokerProcess broker)
    {
        Assert.Equal(6, broker.WaitForExit());
        Assert.Contains("EIO", broker.Errors);
        BrokerLog.HasNoStackTrace(broker);
        File.Delete(Trigger);
        broker.Restart();
        using KafkaConnection connection = new(broker);
        List<long> read = [];
        connection.ReadAll("before", 0, 0, (_, value) => read.Add(Batches.Read(value).Number));
        Assert.Equal([0L, 1L, 2L], read);
        broker.Stop();
    }
}
