using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;

namespace Aot.Broker.Cluster.Tests;

public sealed class FormatTests : IDisposable
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), "aot-format-" + Guid.NewGuid().ToString("N"));

    public void Dispose()
    {
        if (Directory.Exists(_root))
        {
            Directory.Delete(_root, recursive: true);
        }
    }

    private FormatRequest Request(params (string, short)[] features) =>
        new()
        {
            ClusterId = "Xx65iYJ_Q8Ko8BP7wpJycg",
            NodeId = 1,
            Directories = [Path.Combine(_root, "a"), Path.Combine(_root, "b")],
            MetadataDirectory = Path.Combine(_root, "a"),
            Random = new Random(3).NextInt64ToUlong,
            WallMillis = 1_000,
            Features = [.. features],
        };

    private static string[] Levels(List<MetadataRecord>? records) =>
        [
            .. records!
                .Select(record => (FeatureLevelRecord)record.Message)
                .Select(record => $"{record.Name}={record.FeatureLevel}"),
        ];

    [Fact]
    public void The_latest_release_has_the_levels_of_Kafka_4_4()
    {
        Assert.Equal(
            [
                "metadata.version=33",
                "eligible.leader.replicas.version=1",
                "group.version=1",
                "share.version=2",
                "streams.version=1",
                "transaction.version=2",
            ],
            Levels(FeatureSelection.Select(null, [], false, out _, out _))
        );
    }

    [Theory]
    [InlineData(
        "4.3",
        "metadata.version=30 eligible.leader.replicas.version=1 group.version=1 share.version=1 streams.version=1 transaction.version=2"
    )]
    [InlineData(
        "4.2",
        "metadata.version=29 eligible.leader.replicas.version=1 group.version=1 share.version=1 streams.version=1 transaction.version=2"
    )]
    [InlineData(
        "4.1.1",
        "metadata.version=27 eligible.leader.replicas.version=1 group.version=1 transaction.version=2"
    )]
    [InlineData("4.0", "metadata.version=25 group.version=1 transaction.version=2")]
    [InlineData("4.0-IV1", "metadata.version=23 group.version=1")]
    [InlineData("3.9", "metadata.version=21")]
    public void A_release_has_its_own_levels(string release, string levels)
    {
        Assert.Equal(levels.Split(' '), Levels(FeatureSelection.Select(release, [], false, out _, out _)));
    }

    [Theory]
    [InlineData(
        "foo.bar",
        1,
        "Unsupported feature: foo.bar. Supported features are: eligible.leader.replicas.version, group.version, kraft.version, share.version, streams.version, transaction.version"
    )]
    [InlineData(
        "metadata.version",
        99,
        "No MetadataVersion with feature level 99. Valid feature levels are from 7 to 33."
    )]
    [InlineData("transaction.version", 9, "No feature:transaction.version with feature level 9")]
    public void Unknown_features_and_levels_are_refused(string name, short level, string message)
    {
        FormatResult result = Formatter.Format(new LinuxDisk(), Request((name, level)));
        Assert.Equal(message, result.Problem);
        Assert.False(Directory.Exists(_root));
    }

    [Fact]
    public void Wishes_are_read_and_weighed()
    {
        Assert.Equal(("a.b", (short)3), FeatureSelection.ParseWish("a.b=3", out _));
        Assert.Null(FeatureSelection.ParseWish("abc", out string problem));
        Assert.Equal("Can't parse feature=level string abc: equals sign not found.", problem);
        Assert.Null(FeatureSelection.ParseWish("abc=x", out _));
        Assert.Null(FeatureSelection.Select("9.9", [], false, out _, out problem));
        Assert.StartsWith("Unknown metadata.version '9.9'. Supported metadata.version are: 3.3-IV3, ", problem);
        Assert.Null(FeatureSelection.Select("4.4", [("metadata.version", 30)], false, out _, out problem));
        Assert.Equal("Use --release-version instead of --feature metadata.version=X to avoid ambiguity.", problem);
        Assert.Null(
            FeatureSelection.Select("3.9", [("eligible.leader.replicas.version", 1)], false, out _, out problem)
        );
        Assert.Contains("because it depends on metadata.version level 23", problem);
        Assert.Equal(
            ["metadata.version=33", "eligible.leader.replicas.version=1", "share.version=2", "transaction.version=2"],
            Levels(FeatureSelection.Select(null, [("group.version", 0), ("streams.version", 0)], false, out _, out _))
        );
    }

    [Fact]
    public void A_formatted_directory_is_not_formatted_again()
    {
        LinuxDisk disk = new();
        FormatResult first = Formatter.Format(disk, Request());
        Assert.Null(first.Problem);
        Assert.Equal(
            [
                $"Formatting metadata directory {_root}/a with metadata.version 4.4-IV2.",
                $"Formatting data directory {_root}/b with metadata.version 4.4-IV2.",
            ],
            first.Messages
        );
        Assert.Equal(
            $"Log directory {_root}/a is already formatted. Use --ignore-formatted to ignore this directory and format "
                + "the others.",
            Formatter.Format(disk, Request()).Problem
        );
        string before = File.ReadAllText(Path.Combine(_root, "a", "meta.properties"));
        File.Delete(Path.Combine(_root, "b", "meta.properties"));
        Assert.Null(Formatter.Format(disk, Request() with { IgnoreFormatted = true }).Problem);
        Assert.Equal(before, File.ReadAllText(Path.Combine(_root, "a", "meta.properties")));
        Assert.True(File.Exists(Path.Combine(_root, "b", "meta.properties")));
    }

    [Fact]
    public async Task A_node_starts_with_the_features_that_it_was_formatted_for()
    {
        await using NodeRig rig = new();
        FormatResult result = Formatter.Format(
            new LinuxDisk(),
            Request(("group.version", 0)) with
            {
                Directories = [rig.Paths[0]],
                MetadataDirectory = rig.Paths[0],
                ReleaseVersion = "4.2",
            }
        );
        Assert.Null(result.Problem);
        await rig.StartAsync();
        MetadataImage image = await rig.ImageOf(0);
        Assert.Equal("Xx65iYJ_Q8Ko8BP7wpJycg", rig.Node.ClusterId);
        Assert.Equal(29, image.Features.MetadataVersion);
        Assert.Equal(0, image.Features.Level(Features.GroupVersion));
        Assert.Equal(1, image.Features.Level(Features.ShareVersion));
        Assert.Empty(rig.Fatal);
    }

    [Fact]
    public async Task A_standalone_voter_is_written_into_the_log()
    {
        await using NodeRig rig = new();
        FormatResult result = Formatter.Format(
            new LinuxDisk(),
            Request() with
            {
                Directories = [rig.Paths[0]],
                MetadataDirectory = rig.Paths[0],
                StandaloneVoter = new EndPointImage("CONTROLLER", "127.0.0.1", 9093, 0),
            }
        );
        Assert.Null(result.Problem);
        for (int start = 0; start < 2; start++)
        {
            await rig.StartAsync();
            MetadataImage image = await rig.ImageOf(1);
            Assert.Equal(1, image.KRaftVersion);
            VoterImage voter = Assert.Single(image.Voters);
            Assert.Equal(rig.Directories.All[0].Meta!.DirectoryId, voter.DirectoryId);
            await rig.StopAsync();
        }
    }

    [Fact]
    public void What_Apache_Kafka_formatted_is_read()
    {
        // `kafka-storage format --standalone` of 4.4.0, node 1.
        byte[] file = Convert.FromHexString(
            "00000000000000000000009a000000000219718644002000000002000001a1fe860743000001a1fe860743ffffffffff"
                + "ffffffffffffffffff000000032a0000000800000003160000000001a1fe86073500001e00000208000000050a000000"
                + "010000820100000408000000066e0000020000000194eb56af11634ef49b9161fc76735cd6020b434f4e54524f4c4c45"
                + "520a3132372e302e302e314b5d0000000001000000000000000000000003000000f100000000023c430a490000000000"
                + "05000001a1fe860756000001a1fe860756ffffffffffffffffffffffffffff000000063a000000012e010c00116d6574"
                + "61646174612e76657273696f6e002100005a000002014e010c0021656c696769626c652e6c65616465722e7265706c69"
                + "6361732e76657273696f6e00010000340000040128010c000e67726f75702e76657273696f6e00010000340000060128"
                + "010c000e73686172652e76657273696f6e0002000038000008012c010c001073747265616d732e76657273696f6e0001"
                + "00004000000a0134010c00147472616e73616374696f6e2e76657273696f6e0002000000000000000000090000003f00"
                + "0000000211e4216d002000000000000001a1fe860758000001a1fe860758ffffffffffffffffffffffffffff00000001"
                + "1a00000008000000040600000000"
        );
        MetadataImage? image = SnapshotFile.Read(file, SnapshotFile.Bootstrap, "test");
        Assert.NotNull(image);
        Assert.Equal(
            Levels(FeatureSelection.Select(null, [], true, out _, out _)),
            Levels([.. ImageRecords.Of(image)])
        );
        Assert.Equal(1, image.KRaftVersion);
        VoterImage voter = Assert.Single(image.Voters);
        Assert.Equal("lOtWrxFjTvSbkWH8dnNc1g", voter.DirectoryId.ToString());
        Assert.Equal(new EndPointImage("CONTROLLER", "127.0.0.1", 19293, 0), Assert.Single(voter.EndPoints));
    }
}
