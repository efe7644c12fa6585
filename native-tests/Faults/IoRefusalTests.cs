using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Xunit.Abstractions;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// A system that refuses io_uring, as containers do: one line names the cause and the cure, and clients are served on epoll.
/// A seccomp filter makes the call fail as the kernel would.
/// </summary>
[Trait("Io", "once")]
public sealed class IoRefusalTests(ITestOutputHelper output) : IDisposable
{
    private const string Launcher = """
        #include <stddef.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        int main(int count, char **words) {
          struct sock_filter code[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | atoi(words[1])),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
          };
          struct sock_fprog filter = { sizeof code / sizeof *code, code };
          if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
            perror("prctl");
            return 99;
          }
          execv(words[2], words + 2);
          perror(words[2]);
          return 98;
        }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("aot-broker-refusal-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1, "EPERM", "allow io_uring_setup")]
    [InlineData(38, "ENOSYS", "use a Linux kernel of 6.1 or later")]
    [InlineData(12, "ENOMEM", "the limit of locked memory is too low: raise it")]
    public void Without_io_uring_the_cause_and_the_cure_are_named_and_epoll_serves(int errno, string cause, string cure)
    {
        if (!CProgram.CanCompile)
        {
            Peers.Skip(output, "gcc");
            return;
        }
        string launcher = CProgram.Compile(_folder, "without-io_uring", Launcher);
        using (
            BrokerProcess broker = BrokerProcess.Start(
                new BrokerOptions { Io = "auto", Wrapper = [launcher, $"{errno}"] }
            )
        )
        {
            Assert.Contains("I/O epoll", broker.ReadyLine);
            string line = Assert.Single(broker.Errors.Split('\n'), text => text.Contains("io_uring is not used"));
            Assert.Contains("INFO", line);
            Assert.Contains(cause, line);
            Assert.Contains(cure, line);
            IsServed(broker);
            broker.Stop();
        }
        // Who demands io_uring is told the same, and nothing is started instead.
        ToolResult demanded = Tool.Run(
            launcher,
            [
                $"{errno}",
                Repository.Binary,
                "serve",
                "--data",
                Path.Combine(_folder, "data"),
                "--listen",
                "127.0.0.1:0",
                "--io",
                "uring",
            ]
        );
        Assert.Equal(1, demanded.ExitCode);
        Assert.Contains(cause, demanded.Errors);
        Assert.Contains(cure, demanded.Errors);
        Assert.DoesNotContain("   at ", demanded.Errors);
        Assert.Empty(demanded.Output);
    }

    /// <summary>Kernels before 5.12 count rings as locked memory; on any kernel clients are served.</summary>
    [Fact]
    public void Without_locked_memory_clients_are_served()
    {
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions { Io = "auto", Wrapper = ["sh", "-c", "ulimit -l 0; exec \"$@\"", "sh"] }
        );
        bool isRefused = broker.ReadyLine.Contains("I/O epoll");
        Assert.Equal(isRefused, broker.Errors.Contains("io_uring is not used"));
        IsServed(broker);
        broker.Stop();
    }

    private static void IsServed(BrokerProcess broker)
    {
        using KafkaConnection connection = new(broker);
        connection.CreateTopic("served", 1);
        Assert.Equal(0, connection.Produce("served", 0, Batches.Numbered(0, 0, 3, 10)).BaseOffset);
        List<long> read = [];
        connection.ReadAll("served", 0, 0, (_, value) => read.Add(Batches.Read(value).Number));
        Assert.Equal([0L, 1L, 2L], read);
    }
}
