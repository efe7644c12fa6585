using System.Diagnostics;
using Aot.Broker.Protocol.Generator;
using Xunit.Abstractions;

namespace Aot.Broker.Protocol.Tests;

/// <summary>
/// The random bytes of <see cref="MessageRoundTripTests"/> through Apache Kafka's own classes, where they and a Java
/// are present: Kafka reads every message in every version and writes the same bytes again. With the round trip
/// through our classes this makes both sides agree on the bytes.
/// </summary>
public sealed class MessagePeerTests(ITestOutputHelper output)
{
    private const int SeedsPerVersion = 8;

    [Fact]
    public Task Apache_Kafka_reads_and_writes_the_same_bytes_in_every_version() => CompareAsync([.. RandomMessages()]);

    [Fact]
    public Task A_fresh_message_of_Apache_Kafka_has_the_same_defaults() => CompareAsync([.. FreshMessages()]);

    private async Task CompareAsync(List<(string Question, string Answer)> expected)
    {
        string? peer = SchemaFiles.Reference is { } reference ? Path.Combine(reference, "..", "peers", "kafka") : null;
        string? java = Environment
            .GetEnvironmentVariable("PATH")!
            .Split(':')
            .Select(folder => Path.Combine(folder, "java"))
            .FirstOrDefault(File.Exists);
        if (peer is null || java is null || !Directory.Exists(Path.Combine(peer, "4.4.0")))
        {
            output.WriteLine("skipped: Apache Kafka's jars or a Java are not present");
            return;
        }
        List<string> answers = await AskAsync(java, peer, [.. expected.Select(pair => pair.Question)]);
        Assert.Equal(expected.Count, answers.Count);
        IEnumerable<string> different = expected
            .Zip(answers)
            .Where(pair => pair.First.Answer != pair.Second)
            .Select(pair => $"{pair.First.Question}: {pair.Second}");
        Assert.Empty(different);
    }

    private static IEnumerable<(string Question, string Answer)> RandomMessages()
    {
        foreach (SchemaMessage schema in SchemaFiles.Messages)
        {
            for (int version = schema.Versions.Lowest; version <= schema.Versions.Highest; version++)
            {
                for (int seed = 0; seed < SeedsPerVersion; seed++)
                {
                    byte[] bytes = new MessageBytes(schema, version, new Random(seed)).Make();
                    string hex = Convert.ToHexStringLower(bytes);
                    yield return ($"{schema.Name} {version} {hex}", hex);
                }
            }
        }
    }

    private static IEnumerable<(string Question, string Answer)> FreshMessages()
    {
        foreach (SchemaMessage schema in SchemaFiles.Messages)
        {
            object fresh = MessageAccess.For(schema.Name).New();
            for (int version = schema.Versions.Lowest; version <= schema.Versions.Highest; version++)
            {
                byte[] bytes = MessageAccess.Write(fresh, (short)version);
                yield return ($"{schema.Name} {version} fresh", Convert.ToHexStringLower(bytes));
            }
        }
    }

    private static async Task<List<string>> AskAsync(string java, string peer, List<string> questions)
    {
        IEnumerable<string> jars = Directory
            .EnumerateFiles(Path.Combine(peer, "4.4.0"), "*.jar")
            .Concat(Directory.EnumerateFiles(Path.Combine(peer, "common"), "*.jar"))
            .Select(Path.GetFullPath);
        string program = Path.Combine(AppContext.BaseDirectory, "peer", "MessageEcho.java");
        ProcessStartInfo start = new(java, ["-cp", string.Join(':', jars), program])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        Task feeding = Task.Run(async () =>
        {
            foreach (string question in questions)
            {
                await process.StandardInput.WriteLineAsync(question);
            }
            process.StandardInput.Close();
        });
        List<string> answers = [];
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            answers.Add(line);
        }
        await feeding;
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return answers;
    }
}
