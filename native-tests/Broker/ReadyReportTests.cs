using System.Text.Json;
using Aot.Broker.Configuration;

namespace Aot.Broker.Tests;

public sealed class ReadyReportTests
{
    [Fact]
    public void The_line_and_the_file_name_the_listeners_of_clients_first()
    {
        ReadyReport report = new(
            [
                new ListenerConfiguration("C\"1", SecurityProtocol.Plaintext, "127.0.0.1", 2, "", 0, true, false),
                new ListenerConfiguration("PLAINTEXT", SecurityProtocol.Plaintext, "::1", 1, "", 0, false, true),
            ],
            "/d",
            "id",
            "io_uring",
            1,
            31
        );
        Assert.Equal("aot-broker ready on [::1]:1 127.0.0.1:2, data /d, io io_uring, 1 core, 31 ms", report.Line);
        using JsonDocument document = JsonDocument.Parse(report.Json());
        JsonElement listeners = document.RootElement.GetProperty("listeners");
        Assert.Equal(1, listeners[0].GetProperty("port").GetInt32());
        Assert.Equal("C\"1", listeners[1].GetProperty("name").GetString());
        Assert.Equal("id", document.RootElement.GetProperty("clusterId").GetString());
    }
}
