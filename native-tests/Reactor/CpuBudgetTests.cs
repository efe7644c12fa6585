namespace Aot.Broker.Reactor.Tests;

public sealed class CpuBudgetTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cpu-budget-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void The_tightest_quota_on_the_way_up_counts_in_version_2()
    {
        Write("a/b/cpu.max", "max 100000\n");
        Write("a/cpu.max", "150000 100000\n");
        Write("cpu.max", "400000 100000\n");
        Assert.Equal(1.5, CpuBudget.QuotaOf("0::/a/b\n", _root));
    }

    [Fact]
    public void No_quota_is_none()
    {
        Write("cpu.max", "max 100000\n");
        Assert.Null(CpuBudget.QuotaOf("0::/gone/from/here\n", _root));
        Assert.Null(CpuBudget.QuotaOf("", _root));
        Assert.Null(CpuBudget.QuotaOf("nonsense", _root));
    }

    [Fact]
    public void Version_1_is_read_from_its_controller_s_tree()
    {
        Write("cpu,cpuacct/docker/x/cpu.cfs_quota_us", "-1\n");
        Write("cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n");
        Write("cpu,cpuacct/docker/cpu.cfs_quota_us", "250000\n");
        Write("cpu,cpuacct/docker/cpu.cfs_period_us", "100000\n");
        string groups = "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/docker/x\n";
        Assert.Equal(2.5, CpuBudget.QuotaOf(groups, _root));
    }

    [Fact]
    public void This_process_has_at_least_one_core_and_not_more_than_the_machine()
    {
        int count = CpuBudget.Detect(out string reason);
        Assert.InRange(count, 1, Environment.ProcessorCount);
        Assert.NotEmpty(reason);
    }

    private void Write(string path, string content)
    {
        string full = Path.Join(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, content);
    }
}
