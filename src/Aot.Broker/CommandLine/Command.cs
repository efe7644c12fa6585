namespace Aot.Broker.CommandLine;

/// <summary>
/// One option of a command. <paramref name="ValueName"/> null: a switch. <paramref name="Letter"/> is a short form.
/// </summary>
public sealed record Option(
    string Name,
    string? ValueName,
    string Summary,
    bool IsRepeatable = false,
    char? Letter = null
);

/// <summary>One command: what it is called, what it takes, and what it does. The table is in <see cref="Commands"/>.</summary>
/// <param name="Name">One word, or two for a command of a family (<c>log dump</c>).</param>
/// <param name="Operands">The names of what follows the options, for the help text; null when nothing may follow.</param>
public sealed record Command(
    string Name,
    string Summary,
    IReadOnlyList<Option> Options,
    Func<Arguments, ExitCode> Run,
    string? Operands = null,
    string? Details = null
);

/// <summary>What was given to a command.</summary>
public sealed class Arguments
{
    private readonly Dictionary<string, List<string>> _values = [];

    public List<string> Operands { get; } = [];

    public bool Has(string option) => _values.ContainsKey(option);

    public string? Value(string option) => _values.TryGetValue(option, out List<string>? values) ? values[^1] : null;

    public IReadOnlyList<string> Values(string option) =>
        _values.TryGetValue(option, out List<string>? values) ? values : [];

    internal void Add(string option, string value)
    {
        if (!_values.TryGetValue(option, out List<string>? values))
        {
            _values.Add(option, values = []);
        }
        values.Add(value);
    }
}

/// <summary>Something that a person has to change before the command can run; exit code 2.</summary>
public sealed class UsageException(string message) : Exception(message);
