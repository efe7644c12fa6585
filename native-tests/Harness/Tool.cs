using System.Diagnostics;
using System.Text;

namespace Aot.Broker.Harness;

/// <summary>What a tool left behind.</summary>
public sealed record ToolResult(string Command, int ExitCode, string Output, string Errors, TimeSpan Elapsed)
{
    /// <summary>The result itself when the tool ended well; else an exception with all that it said.</summary>
    public ToolResult Ok() =>
        ExitCode == 0 ? this : throw new HarnessException($"exit code {ExitCode} of: {Command}\n{Errors}\n{Output}");
}

/// <summary>Runs a program of somebody else to its end: with a time limit, and with what it says kept within bounds.</summary>
public static class Tool
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);
    private const int CharactersMax = 4 * 1024 * 1024;

    /// <summary>The full path of a program in PATH; null when it is not there.</summary>
    public static string? Find(string name)
    {
        foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'))
        {
            string path = Path.Combine(folder, name);
            if (folder.Length > 0 && File.Exists(path))
            {
                return path;
            }
        }
        return null;
    }

    /// <summary>
    /// Runs to the end. <paramref name="input"/> is written to standard input, <paramref name="inputFile"/> is copied
    /// there, <paramref name="outputFile"/> takes standard output as bytes. Past the limit the tool is killed.
    /// </summary>
    public static ToolResult Run(
        string program,
        IEnumerable<string> arguments,
        string? input = null,
        string? inputFile = null,
        string? outputFile = null,
        TimeSpan? limit = null,
        IReadOnlyDictionary<string, string>? environment = null,
        string? workingDirectory = null
    )
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
            WorkingDirectory = workingDirectory ?? "",
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }
        string command = $"{program} {string.Join(' ', start.ArgumentList)}";
        long begin = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start) ?? throw new HarnessException($"could not start: {command}");
        BoundedText errors = new(CharactersMax);
        BoundedText output = new(CharactersMax);
        process.ErrorDataReceived += (_, line) => Add(errors, line.Data);
        process.BeginErrorReadLine();
        Task copyOut = outputFile is null
            ? Task.Run(() => ReadLines(process.StandardOutput, output))
            : Task.Run(() => CopyTo(process.StandardOutput.BaseStream, outputFile));
        Task copyIn = Task.Run(() => Feed(process, input, inputFile));
        TimeSpan most = limit ?? Limit;
        if (!process.WaitForExit(most))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            throw new HarnessException($"killed after {most.TotalSeconds} s: {command}\n{errors}\n{output}");
        }
        // The overload without a limit also waits for the last lines of the redirected streams.
        process.WaitForExit();
        Task.WaitAll(copyOut, copyIn);
        return new ToolResult(
            command,
            process.ExitCode,
            output.ToString(),
            errors.ToString(),
            Stopwatch.GetElapsedTime(begin)
        );
    }

    private static void Add(BoundedText text, string? line)
    {
        if (line is not null)
        {
            text.AddLine(line);
        }
    }

    private static void ReadLines(StreamReader reader, BoundedText text)
    {
        while (reader.ReadLine() is { } line)
        {
            text.AddLine(line);
        }
    }

    private static void CopyTo(Stream source, string path)
    {
        using FileStream target = File.Create(path);
        source.CopyTo(target);
    }

    private static void Feed(Process process, string? input, string? inputFile)
    {
        try
        {
            if (inputFile is not null)
            {
                using FileStream source = File.OpenRead(inputFile);
                source.CopyTo(process.StandardInput.BaseStream);
            }
            if (input is not null)
            {
                process.StandardInput.Write(input);
            }
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The tool ended without reading all of it; its exit code says whether that is an error.
        }
    }
}
