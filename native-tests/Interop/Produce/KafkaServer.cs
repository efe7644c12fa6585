using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Aot.Broker.Harness;

namespace Aot.Broker.Interop.Tests.Produce;

/// <summary>Apache Kafka as one combined node on a free port of 127.0.0.1, with its data in a folder that goes away.</summary>
internal sealed class KafkaServer : IDisposable
{
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(120);

    private readonly string _folder = Directory.CreateTempSubdirectory("aot-broker-kafka-").FullName;
    private readonly Process _process;
    private readonly BoundedText _errors = new(256 * 1024);

    private KafkaServer(bool withFeatures, params ReadOnlySpan<string> settings)
    {
        Port = FreePort();
        if (!withFeatures)
        {
            WriteMetaProperties();
        }
        ProcessStartInfo start = new(Peers.Kafka!, ["serve", _folder, $"{Port}", .. settings])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["HEAP"] = "400m";
        start.Environment["JVM"] = "-XX:TieredStopAtLevel=1";
        _process = Process.Start(start) ?? throw new HarnessException("java does not start");
        _process.OutputDataReceived += (_, line) => _errors.AddLine(line.Data ?? "");
        _process.ErrorDataReceived += (_, line) => _errors.AddLine(line.Data ?? "");
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Port { get; }

    public string Log => _errors.ToString();

    /// <summary>At the lowest levels of all features: a start of Java less.</summary>
    public static KafkaServer Start(params ReadOnlySpan<string> settings) => Start(new KafkaServer(false, settings));

    /// <summary>At the levels that a newly formatted cluster has.</summary>
    public static KafkaServer StartWithFeatures(params ReadOnlySpan<string> settings) =>
        Start(new KafkaServer(true, settings));

    private static KafkaServer Start(KafkaServer server)
    {
        try
        {
            Until.Holds(server.IsListening, "Apache Kafka accepts connections", s_startLimit);
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private bool IsListening()
    {
        if (_process.HasExited)
        {
            throw new HarnessException($"Apache Kafka ended\n{Log}");
        }
        using TcpClient client = new();
        try
        {
            client.Connect(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>What formatting would write, without starting Java for it.</summary>
    private void WriteMetaProperties()
    {
        string data = Path.Combine(_folder, "data");
        Directory.CreateDirectory(data);
        string[] lines =
        [
            "version=1",
            "cluster.id=MkU3OEVBNTcwNTJENDM2Qk",
            "node.id=1",
            "directory.id=Vq0oGqrlQ0q6Qx5n3l1p4w",
        ];
        File.WriteAllLines(Path.Combine(data, "meta.properties"), lines);
    }

    /// <summary>One whose successor, for the controller, is free as well.</summary>
    private static int FreePort()
    {
        while (true)
        {
            using TcpListener first = new(IPAddress.Loopback, 0);
            first.Start();
            int port = ((IPEndPoint)first.LocalEndpoint).Port;
            using TcpListener second = new(IPAddress.Loopback, port + 1);
            try
            {
                second.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken: another pair.
            }
        }
    }
}
