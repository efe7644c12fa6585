using System.Diagnostics;
using System.Text.Json.Nodes;
using Aot.Broker.Harness;

namespace Aot.Broker.EndToEnd.Tests.Matrix;

/// <summary>The client has no such feature: an answer, not an error.</summary>
internal sealed class NoSuchFeatureException(string why) : Exception(why);

/// <summary>The client refused or could not do what it was asked for.</summary>
internal sealed class AgentException(string why) : Exception(why);

/// <summary>
/// A client library behind one small program (in <c>clients/</c>) that carries out what comes by standard input, a line of
/// JSON per command and per answer: so that the features are written once, here, for all libraries.
/// <code>
///   command  {"op": "produce", "topic": "t", ...}
///   answer   {"ok": result} | {"no": "why there is no such feature"} | {"error": "what went wrong"}
/// </code>
/// </summary>
internal sealed class ClientAgent : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly BoundedText _errors = new(256 * 1024);

    public ClientAgent(AgentCommand command, string bootstrap)
    {
        ProcessStartInfo start = new(command.Program, [.. command.Arguments, bootstrap])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in command.Environment)
        {
            start.Environment[name] = value;
        }
        _process = Process.Start(start) ?? throw new HarnessException($"could not start {command.Program}");
        _process.ErrorDataReceived += (_, line) => _errors.AddLine(line.Data ?? "");
        _process.BeginErrorReadLine();
    }

    /// <summary>What the program wrote to standard error.</summary>
    public string Errors => _errors.ToString();

    /// <summary>Carries out one command. Its result is null where the command has none.</summary>
    public JsonNode? Ask(string op, JsonObject? arguments = null)
    {
        JsonObject command = arguments ?? [];
        command["op"] = op;
        _process.StandardInput.WriteLine(command.ToJsonString());
        _process.StandardInput.Flush();
        Task<string?> answer = Task.Run(_process.StandardOutput.ReadLine);
        if (!answer.Wait(s_limit))
        {
            throw new HarnessException($"{op}: no answer after {s_limit.TotalSeconds} s\n{Errors}");
        }
        if (answer.Result is not { } line)
        {
            throw new HarnessException($"{op}: the client's program ended\n{Errors}");
        }
        JsonObject result = JsonNode.Parse(line)!.AsObject();
        if (result["no"] is { } no)
        {
            throw new NoSuchFeatureException(no.GetValue<string>());
        }
        return result["error"] is { } error
            ? throw new AgentException($"{op}: {error.GetValue<string>()}")
            : result["ok"];
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }
        _process.Dispose();
    }
}

/// <summary>How an agent is started; the broker's address is added as its last argument.</summary>
internal sealed record AgentCommand(
    string Program,
    IReadOnlyList<string> Arguments,
    IReadOnlyDictionary<string, string> Environment
)
{
    public static AgentCommand Of(string program, params string[] arguments) =>
        new(program, arguments, new Dictionary<string, string>());
}
