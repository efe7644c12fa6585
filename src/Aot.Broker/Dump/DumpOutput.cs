using Aot.Broker.CommandLine;

namespace Aot.Broker.Dump;

/// <summary>Runs what shows something on standard output, and turns what cannot be read into an exit code.</summary>
internal static class DumpOutput
{
    public static ExitCode Run(bool isJson, Func<DumpWriter, ExitCode> show)
    {
        try
        {
            using DumpWriter writer = new(Console.OpenStandardOutput(), isJson);
            try
            {
                return show(writer);
            }
            catch (UnreadableException problem)
            {
                writer.Flush();
                Console.Error.WriteLine($"aot-broker: {problem.Message}");
                return problem.ExitCode;
            }
        }
        catch (IOException)
        {
            // Whoever read the output has seen enough (head, a pager): as good an end as any.
            return ExitCode.Clean;
        }
    }
}
