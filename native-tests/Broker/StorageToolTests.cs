using System.Text;
using System.Text.Json;
using Aot.Broker.CommandLine;
using Aot.Broker.Configuration;
using Aot.Broker.DataDirectories;
using Aot.Broker.Dump;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;

namespace Aot.Broker.Tests;

/// <summary><c>storage format</c>, <c>info</c> and <c>check</c> on directories of their own.</summary>
public sealed class StorageToolTests : IDisposable
{
    private static readonly FormatOptions s_plain = new(
        "Xx65iYJ_Q8Ko8BP7wpJycg",
        new Dictionary<string, short>(),
        null,
        IgnoreFormatted: false,
        IsStandalone: false
    );

    private readonly string _root = Directory.CreateTempSubdirectory("storage-tool-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Info_says_what_format_did()
    {
        BrokerConfiguration configuration = Configure("a", "b");
        Assert.Equal(ExitCode.Fatal, Info(configuration, out JsonElement[] before));
        Assert.Equal(2, before.Count(line => Kind(line) == "problem"));

        Assert.Equal(ExitCode.Clean, Format.Run(configuration, s_plain with { ReleaseVersion = "4.2" }));
        Assert.Equal(ExitCode.Clean, Info(configuration, out JsonElement[] lines));
        JsonElement[] directories = [.. lines.Where(line => Kind(line) == "directory")];
        Assert.Equal([true, false], directories.Select(line => line.GetProperty("isMetadata").GetBoolean()));
        Assert.All(directories, line => Assert.Equal(s_plain.ClusterId, line.GetProperty("clusterId").GetString()));
        JsonElement release = lines.Single(line => line.TryGetProperty("release", out _));
        Assert.Equal(
            (29, "4.2-IV1"),
            (release.GetProperty("level").GetInt32(), release.GetProperty("release").GetString())
        );
        Assert.Equal(ExitCode.Clean, Check(configuration, isDeep: true, out lines));
        Assert.Equal("unclean", lines[0].GetProperty("start").GetString());
    }

    [Fact]
    public void A_directory_of_another_node_or_a_copy_stops_the_check_with_code_4()
    {
        BrokerConfiguration configuration = Configure("a", "b");
        Format.Run(configuration, s_plain);
        File.Copy(Path.Combine(_root, "a/meta.properties"), Path.Combine(_root, "b/meta.properties"), overwrite: true);
        Assert.Equal(ExitCode.DataDirectory, Check(configuration, isDeep: false, out JsonElement[] lines));
        Assert.Contains("is it a copy?", Problem(lines));
        File.WriteAllText(Path.Combine(_root, "b/meta.properties"), "version=1\ncluster.id=other\nnode.id=7\n");
        Assert.Equal(ExitCode.DataDirectory, Check(configuration, isDeep: false, out lines));
        Assert.Equal(2, lines.Count(line => Kind(line) == "problem"));
    }

    [Fact]
    public void Check_says_what_a_start_would_recover_and_changes_nothing()
    {
        BrokerConfiguration configuration = Configure("a");
        Format.Run(configuration, s_plain);
        string log = Write("a/orders-0/00000000000000000000.log", Batch());
        Write("a/orders-0/00000000000000000000.index", []);
        Write("a/orders-0/partition.metadata", "version: 0\ntopic_id: nhUpLgL4ntL5PRnUE4UYgA"u8);
        string[] before = Snapshot();

        // The metadata of this directory knows no such topic, and there is no mark of a clean stop.
        Assert.Equal(ExitCode.Fatal, Check(configuration, isDeep: true, out JsonElement[] lines));
        Assert.Contains("a stray", Problem(lines));
        JsonElement recovery = lines.Single(line => Kind(line) == "recovery");
        Assert.Equal(
            (0, 1),
            (recovery.GetProperty("fromOffset").GetInt64(), recovery.GetProperty("segments").GetInt64())
        );
        Assert.Equal(before, Snapshot());

        Write("a/recovery-point-offset-checkpoint", "0\n1\norders 0 1\n"u8);
        Check(configuration, isDeep: false, out lines);
        Assert.DoesNotContain(lines, line => Kind(line) == "recovery");

        byte[] damaged = File.ReadAllBytes(log);
        damaged[^1] ^= 1;
        File.WriteAllBytes(log, damaged);
        Write("a/recovery-point-offset-checkpoint", "0\n3\norders 0 1\n"u8);
        Assert.Equal(ExitCode.Fatal, Check(configuration, isDeep: true, out lines));
        Assert.Contains(lines, line => Kind(line) == "finding");
        Assert.Contains("damaged checkpoint", Problem(lines));
    }

    [Fact]
    public void A_partition_in_two_directories_needs_a_person()
    {
        BrokerConfiguration configuration = Configure("a", "b");
        Format.Run(configuration, s_plain);
        Write("a/orders-0/00000000000000000000.log", []);
        Write("b/orders-0/00000000000000000000.log", []);
        Assert.Equal(ExitCode.CorruptLog, Check(configuration, isDeep: false, out JsonElement[] lines));
        Assert.Contains("move one of the two away", Problem(lines));
    }

    [Fact]
    public void A_directory_in_use_is_seen_without_taking_its_lock()
    {
        BrokerConfiguration configuration = Configure("a");
        Format.Run(configuration, s_plain);
        using (Storage.LogDirectories.Open(new LinuxDisk(), configuration.LogDirs))
        {
            Assert.Equal(ExitCode.Clean, Check(configuration, isDeep: false, out JsonElement[] lines));
            Assert.Equal("running", lines[0].GetProperty("start").GetString());
        }
        Check(configuration, isDeep: false, out JsonElement[] after);
        Assert.False(after[0].GetProperty("isInUse").GetBoolean());
    }

    [Fact]
    public void Voters_that_cannot_be_are_refused_with_what_to_do()
    {
        UsageException refused = Assert.Throws<UsageException>(() =>
            Format.Run(Configure("a"), s_plain with { IsStandalone = true })
        );
        Assert.Contains("controller.listener.names", refused.Message);
        Command format = Commands.All.Single(command => command.Name == "storage format");
        CommandLineParser parser = new("aot-broker", Commands.All);
        refused = Assert.Throws<UsageException>(() =>
            StorageCommands.ReadFormatOptions(parser.Parse(format, ["-I", "1@localhost:9093:nhUpLgL4ntL5PRnUE4UYgA"]))
        );
        Assert.Contains("--standalone", refused.Message);
    }

    private BrokerConfiguration Configure(params string[] directories) =>
        BrokerConfiguration.Load(
            new ConfigurationInput
            {
                Set = ["log.dirs=" + string.Join(',', directories.Select(name => Path.Combine(_root, name)))],
                Environment = new Dictionary<string, string>(),
            }
        );

    private string Write(string name, ReadOnlySpan<byte> bytes)
    {
        string path = Path.Combine(_root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static byte[] Batch()
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { PartitionLeaderEpoch = 0 });
        builder.Append(1_700_000_000_000, "key"u8, "value"u8);
        return builder.ToArray();
    }

    private string[] Snapshot() =>
        [
            .. Directory
                .GetFileSystemEntries(_root, "*", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal)
                .Select(path => $"{path} {File.GetLastWriteTimeUtc(path).Ticks}"),
        ];

    private static ExitCode Info(BrokerConfiguration configuration, out JsonElement[] lines) =>
        Run(writer => StorageInfo.Run(new LinuxDisk(), configuration, writer), out lines);

    private static ExitCode Check(BrokerConfiguration configuration, bool isDeep, out JsonElement[] lines) =>
        Run(writer => new StorageCheck(new LinuxDisk(), configuration, writer).Run(isDeep), out lines);

    private static ExitCode Run(Func<DumpWriter, ExitCode> show, out JsonElement[] lines)
    {
        using MemoryStream output = new();
        ExitCode code;
        using (DumpWriter writer = new(output, isJson: true))
        {
            code = show(writer);
        }
        lines =
        [
            .. Encoding
                .UTF8.GetString(output.ToArray())
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonDocument.Parse(line).RootElement),
        ];
        return code;
    }

    private static string Kind(JsonElement line) => line.GetProperty("kind").GetString()!;

    private static string Problem(JsonElement[] lines) =>
        string.Join('\n', lines.Where(line => Kind(line) == "problem").Select(line => line.GetRawText()));
}
