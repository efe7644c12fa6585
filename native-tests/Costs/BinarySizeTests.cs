using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Costs.Tests;

/// <summary>The native binary is small enough to be copied anywhere, and a change that makes it grow is noticed.</summary>
[Trait("Io", "once")]
public sealed class BinarySizeTests(ITestOutputHelper output)
{
    private const long BytesMax = 20_000_000;

    [Fact]
    public void The_native_binary_stays_below_twenty_megabytes()
    {
        string folder = Path.GetDirectoryName(Repository.Binary)!;
        if (File.Exists(Path.Combine(folder, "aot-broker.dll")))
        {
            output.WriteLine("SKIPPED: this binary is not compiled ahead of time");
            return;
        }
        long bytes = new FileInfo(Repository.Binary).Length;
        output.WriteLine($"{bytes} bytes of {BytesMax}");
        Assert.True(
            bytes <= BytesMax,
            $"{Repository.Binary} has {bytes} bytes, {bytes - BytesMax} more than it may have. Usual causes: a generic type "
                + "or a query over a struct or a tuple (each combination is compiled by itself), a library's reflection. "
                + "-p:IlcGenerateMstatFile=true lists what is inside"
        );
    }
}
