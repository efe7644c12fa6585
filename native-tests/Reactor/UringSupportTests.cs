using Aot.Broker.Linux;

namespace Aot.Broker.Reactor.Tests;

public sealed class UringSupportTests
{
    [Theory]
    [InlineData(Errno.EPERM, "2", "kernel.io_uring_disabled = 2", "sysctl")]
    [InlineData(Errno.EPERM, "0", "seccomp", "profile")]
    [InlineData(Errno.EPERM, null, "seccomp", "profile")]
    [InlineData(Errno.ENOMEM, "0", "locked memory", "ulimit -l")]
    [InlineData(Errno.EINVAL, "0", "too old", "6.1")]
    [InlineData(Errno.ENOSYS, null, "no io_uring", "6.1")]
    [InlineData(Errno.EMFILE, "0", "descriptor", "ulimit -n")]
    public void A_refusal_names_its_cause_and_the_cure(Errno error, string? setting, string cause, string cure)
    {
        string text = UringSupport.Explain("io_uring_setup", error, setting);
        Assert.Contains("io_uring_setup", text);
        Assert.Contains(error.ToString(), text);
        Assert.Contains(cause, text);
        Assert.Contains(cure, text);
        Assert.DoesNotContain('\n', text);
    }

    [Fact]
    public void Auto_takes_io_uring_where_it_may_and_epoll_with_a_reason_otherwise()
    {
        bool isSupported = UringSupport.Probe(out string? reason);
        using CoreGroup group = CoreGroup.Create(new CoreGroupOptions { Cores = 1 });
        Assert.Equal(isSupported ? "io_uring" : "epoll", group.BackendName);
        Assert.Equal(reason, group.FallbackReason);
        Assert.Equal(isSupported, reason is null);
    }

    [Fact]
    public void Epoll_that_was_asked_for_is_no_fall_back()
    {
        using CoreGroup group = CoreGroup.Create(new CoreGroupOptions { Cores = 1, Io = IoMode.Epoll });
        Assert.Equal("epoll", group.BackendName);
        Assert.Null(group.FallbackReason);
    }

    [Fact]
    public void A_ring_that_cannot_be_made_falls_back_with_its_reason_or_is_refused_when_demanded()
    {
        // The kernel refuses a ring of no entries, as it refuses flags that it does not know.
        RingSizes impossible = new(0, 0);
        using CoreGroup group = CoreGroup.Create(new CoreGroupOptions { Cores = 2, RingSizes = impossible });
        Assert.Equal("epoll", group.BackendName);
        Assert.NotNull(group.FallbackReason);
        IoBackendException refused = Assert.Throws<IoBackendException>(() =>
            CoreGroup.Create(
                new CoreGroupOptions
                {
                    Cores = 2,
                    Io = IoMode.Uring,
                    RingSizes = impossible,
                }
            )
        );
        Assert.Equal(group.FallbackReason, refused.Message);
    }
}
