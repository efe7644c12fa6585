using System.Globalization;
using System.Text.RegularExpressions;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>What a plaintext consumer gets goes from the page cache to the socket: strace counts the bytes of each call.</summary>
public sealed partial class SendFileTests(ITestOutputHelper output) : IDisposable
{
    private static readonly string[] s_copyingCalls =
    [
        "read",
        "readv",
        "pread64",
        "preadv",
        "preadv2",
        "recvfrom",
        "recvmsg",
        "write",
        "writev",
        "sendto",
        "sendmsg",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("aot-broker-sendfile-").FullName;

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Record_bytes_of_a_fetch_do_not_pass_through_the_process(string io)
    {
        if (!Kcat.IsHere(output))
        {
            return;
        }
        if (Tool.Find("strace") is null || Tool.Run("strace", ["-o", "/dev/null", "true"]).ExitCode != 0)
        {
            Peers.SkipProgram(output, "strace (or it may not attach to a process)");
            return;
        }
        string data = Path.Combine(_folder, "data");
        NumberedLines lines = new(Path.Combine(_folder, "sent"));
        using (BrokerProcess filled = BrokerProcess.Start(new BrokerOptions { DataDirectory = data, Cores = 1 }))
        {
            Kcat.Produce(filled, "sent", lines.Path);
            filled.Stop();
        }
        long logBytes = Directory.GetFiles(Path.Combine(data, "sent-0"), "*.log").Sum(log => new FileInfo(log).Length);

        string trace = Path.Combine(_folder, "trace");
        string calls = string.Join(',', s_copyingCalls.Append("sendfile"));
        // -D: the tracer is the child, so that signals go to the broker itself.
        string[] strace =
        [
            "strace",
            "-D",
            "-f",
            "-q",
            "-s",
            "0",
            "-o",
            trace,
            "-e",
            $"trace={calls}",
            "-e",
            "signal=none",
        ];
        string received = Path.Combine(_folder, "received");
        using (
            BrokerProcess traced = BrokerProcess.Start(
                new BrokerOptions
                {
                    DataDirectory = data,
                    Cores = 1,
                    Io = io,
                    Wrapper = strace,
                }
            )
        )
        {
            Kcat.Consume(traced, "sent", received);
            int pid = traced.Pid;
            traced.Stop();
            // The tracer ends a moment after the process that it traced.
            Until.Holds(
                () =>
                    File.ReadLines(trace)
                        .Any(line =>
                            line.StartsWith($"{pid} ", StringComparison.Ordinal)
                            && line.Contains("+++ exited", StringComparison.Ordinal)
                        ),
                "strace has written its last line"
            );
        }
        lines.AssertSameBytes(received);

        Dictionary<string, long> bytes = SumOfResults(trace);
        long sent = bytes.GetValueOrDefault("sendfile");
        long copied = s_copyingCalls.Sum(call => bytes.GetValueOrDefault(call));
        output.WriteLine($"log {logBytes} bytes, sendfile {sent}, all other calls {copied}");
        Assert.True(sent >= logBytes, $"sendfile sent {sent} of {logBytes} bytes");
        Assert.True(
            copied < logBytes / 20,
            $"{copied} bytes were copied: {string.Join(", ", bytes.Select(call => $"{call.Key} {call.Value}"))}"
        );
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>By the name of the call, the sum of what it returned where it did not fail.</summary>
    private static Dictionary<string, long> SumOfResults(string trace)
    {
        Dictionary<string, long> bytes = [];
        foreach (string line in File.ReadLines(trace))
        {
            if (Call().Match(line) is { Success: true } call)
            {
                string name = call.Groups["name"].Value;
                long result = long.Parse(call.Groups["result"].Value, CultureInfo.InvariantCulture);
                bytes[name] = bytes.GetValueOrDefault(name) + result;
            }
        }
        return bytes;
    }

    /// <summary>A call in one line, or the second part of one that another thread's call interrupted.</summary>
    [GeneratedRegex(@"^\d+ +(<\.\.\. )?(?<name>\w+)(\(| resumed>).* = (?<result>\d+)$")]
    private static partial Regex Call();
}
