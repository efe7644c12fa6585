using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Simulation.Tests;

/// <summary>What the simulated disk keeps and loses.</summary>
public class DiskTests
{
    [Fact]
    public void Synced_bytes_and_entries_survive_a_power_loss()
    {
        for (ulong seed = 1; seed <= 50; seed++)
        {
            using World world = new(seed);
            byte[] content = Bytes(world, 20_000);
            Disk disk = Start(world, out SimulatedProcess process);
            Assert.Equal(Errno.None, disk.CreateDirectory("/d"));
            Assert.Equal(Errno.None, disk.SyncDirectory("/"));
            Assert.Equal(Errno.None, disk.WriteAllBytesAtomically("/d/f", content));
            process.End(ProcessEnd.PowerLoss);

            Assert.Equal(Errno.None, Start(world, out _).ReadAllBytes("/d/f", out byte[] found));
            Assert.Equal(content, found);
        }
    }

    [Fact]
    public void Bytes_that_are_not_synced_survive_in_any_part_by_sector()
    {
        int whole = 0;
        int none = 0;
        int torn = 0;
        for (ulong seed = 1; seed <= 200; seed++)
        {
            using World world = new(seed);
            Disk disk = Start(world, out SimulatedProcess process);
            disk.WriteAllBytesAtomically("/f", new byte[8192]);
            Assert.Equal(Errno.None, disk.Open("/f", DiskOpen.ReadWrite, out Fd fd));
            byte[] ones = new byte[8192];
            Array.Fill(ones, (byte)1);
            disk.Write(fd, ones, 0);
            process.End(ProcessEnd.PowerLoss);

            Start(world, out _).ReadAllBytes("/f", out byte[] found);
            Assert.Equal(8192, found.Length);
            for (int sector = 0; sector < found.Length; sector += SimulatedFile.SectorBytes)
            {
                Assert.Single(found.AsSpan(sector, SimulatedFile.SectorBytes).ToArray().Distinct());
            }
            int survived = found.Count(b => b == 1);
            whole += survived == found.Length ? 1 : 0;
            none += survived == 0 ? 1 : 0;
            torn += survived % SimulatedFile.PageBytes != 0 ? 1 : 0;
        }
        Assert.True(whole > 0 && none > 0 && torn > 0, $"whole {whole}, none {none}, torn {torn}");
    }

    [Fact]
    public void Appended_bytes_that_are_not_synced_may_leave_a_length_with_zeros()
    {
        int zeros = 0;
        int lengths = 0;
        for (ulong seed = 1; seed <= 200; seed++)
        {
            using World world = new(seed);
            Disk disk = Start(world, out SimulatedProcess process);
            disk.WriteAllBytesAtomically("/f", "begin"u8);
            disk.Open("/f", DiskOpen.ReadWrite, out Fd fd);
            byte[] ones = new byte[10_000];
            Array.Fill(ones, (byte)1);
            disk.Write(fd, ones, 5);
            process.End(ProcessEnd.PowerLoss);

            Start(world, out _).ReadAllBytes("/f", out byte[] found);
            Assert.Equal("begin", Encoding.ASCII.GetString(found.AsSpan(0, 5)));
            Assert.InRange(found.Length, 5, 10_005);
            zeros += found.AsSpan(5).Contains((byte)0) ? 1 : 0;
            lengths += found.Length is > 5 and < 10_005 ? 1 : 0;
        }
        Assert.True(zeros > 0 && lengths > 0, $"zeros {zeros}, lengths {lengths}");
    }

    [Fact]
    public void Entries_that_are_not_synced_may_be_lost_in_their_order()
    {
        HashSet<string> outcomes = [];
        for (ulong seed = 1; seed <= 100; seed++)
        {
            using World world = new(seed);
            Disk disk = Start(world, out SimulatedProcess process);
            disk.WriteAllBytesAtomically("/old", "old"u8);
            disk.Open("/made", DiskOpen.CreateNew, out _);
            disk.Rename("/old", "/new");
            disk.Delete("/made");
            process.End(ProcessEnd.PowerLoss);

            outcomes.Add(string.Join(' ', Names(Start(world, out _))));
        }
        Assert.Equal(["made new", "made old", "new", "old"], outcomes.Order());
    }

    [Fact]
    public void A_cut_that_is_not_synced_may_be_undone_but_never_mixes_with_what_was_cut_off()
    {
        HashSet<string> outcomes = [];
        for (ulong seed = 1; seed <= 200; seed++)
        {
            using World world = new(seed);
            Disk disk = Start(world, out SimulatedProcess process);
            disk.WriteAllBytesAtomically("/f", "aaaaaaaa"u8);
            disk.Open("/f", DiskOpen.ReadWrite, out Fd fd);
            disk.Truncate(fd, 4);
            disk.Write(fd, "bb"u8, 4);
            process.End(ProcessEnd.PowerLoss);

            Start(world, out _).ReadAllBytes("/f", out byte[] found);
            outcomes.Add(Encoding.ASCII.GetString(found).Replace('\0', '0'));
        }
        Assert.Contains("aaaaaaaa", outcomes);
        Assert.Contains("aaaa", outcomes);
        Assert.Contains("aaaabb", outcomes);
        Assert.All(
            outcomes,
            outcome => Assert.Contains(outcome, (string[])["aaaaaaaa", "aaaa", "aaaab", "aaaabb", "aaaa0", "aaaa00"])
        );
    }

    [Fact]
    public void A_kill_loses_nothing_but_the_descriptors_and_the_lock()
    {
        using World world = new(1);
        Disk disk = Start(world, out SimulatedProcess process);
        Assert.Equal(Errno.None, disk.Lock("/.lock", out _));
        disk.Open("/f", DiskOpen.CreateNew, out Fd fd);
        disk.Write(fd, "written"u8, 0);
        SimulatedDisk second = Start(world, out SimulatedProcess other);
        Assert.Equal(Errno.EAGAIN, second.Lock("/.lock", out _));
        process.End(ProcessEnd.Kill);

        Assert.Equal(Errno.None, second.Lock("/.lock", out _));
        second.ReadAllBytes("/f", out byte[] found);
        Assert.Equal("written", Encoding.ASCII.GetString(found));
        Assert.Equal(0, process.OpenDescriptors);
        Assert.Equal(1, other.OpenDescriptors);
        Assert.Throws<ProcessEnded>(() => disk.Write(fd, "no"u8, 0));
    }

    [Fact]
    public void A_process_that_ends_in_a_write_leaves_a_part_of_it()
    {
        HashSet<int> lengths = [];
        for (ulong seed = 1; seed <= 20; seed++)
        {
            using World world = new(seed);
            Disk disk = Start(world, out SimulatedProcess process);
            disk.Open("/f", DiskOpen.CreateNew, out Fd fd);
            process.EndInCall(0, ProcessEnd.Kill);
            Assert.Throws<ProcessEnded>(() => disk.Write(fd, new byte[100], 0));
            Assert.True(process.HasEnded);
            lengths.Add((int)Start(world, out _).LengthOf("/f"));
        }
        Assert.True(lengths.Count > 5);
    }

    [Fact]
    public void A_sync_covers_what_was_written_before_it_began()
    {
        for (ulong seed = 1; seed <= 50; seed++)
        {
            using World world = new(seed);
            SimulatedDisk disk = Start(world, out SimulatedProcess process);
            disk.Open("/f", DiskOpen.CreateNew, out Fd fd);
            disk.SyncDirectory("/");
            disk.Write(fd, "before"u8, 0);
            SyncWaiter waiter = new();
            process.Cores[0].Io.SyncFile(fd, dataOnly: true, waiter, 7);
            disk.Write(fd, "AFTER!"u8, 6);
            world.RunUntil(() => waiter.Result == 7, 1_000_000_000, "the sync");
            process.End(ProcessEnd.PowerLoss);

            Start(world, out _).ReadAllBytes("/f", out byte[] found);
            Assert.StartsWith("before", Encoding.ASCII.GetString(found), StringComparison.Ordinal);
        }
    }

    private sealed class SyncWaiter : IFileTarget
    {
        public long Result { get; private set; }

        public void OnFileDone(long token, long result) => Result = token;
    }

    private static SimulatedDisk Start(World world, out SimulatedProcess process)
    {
        process = world.StartProcess(new ProcessOptions { Cores = 1 });
        return process.Disk;
    }

    private static List<string> Names(SimulatedDisk disk)
    {
        List<DiskEntry> entries = [];
        disk.List("/", entries);
        return [.. entries.Select(e => e.Name).Order()];
    }

    private static byte[] Bytes(World world, int count)
    {
        byte[] bytes = new byte[count];
        foreach (ref byte one in bytes.AsSpan())
        {
            one = (byte)world.Random.Next();
        }
        return bytes;
    }
}
