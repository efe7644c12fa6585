using System.Text;
using Aot.Broker.Cluster.Configs;

namespace Aot.Broker.CommandLine;

/// <summary>
/// Reads a command line against a table of commands: <c>aot-broker COMMAND [--option VALUE | --option=VALUE]...</c>.
/// Written by hand because start-up is measured in milliseconds and the whole grammar fits on a screen.
/// </summary>
public sealed class CommandLineParser(string program, IReadOnlyList<Command> commands)
{
    private const int HelpWidth = 100;

    /// <summary>Finds the command, runs it, and turns mistakes of the caller into exit code 2 with a message.</summary>
    public ExitCode Run(IReadOnlyList<string> args, TextWriter output, TextWriter errors)
    {
        if (args.Count == 0 || args[0] is "--help" or "-h" or "help")
        {
            Command? asked = args.Count > 1 ? Find([.. args.Skip(1)], out _) : null;
            output.Write(asked is null ? Overview() : Help(asked));
            return args.Count == 0 ? ExitCode.Usage : ExitCode.Clean;
        }
        string[] words = args[0] == "--version" ? ["version", .. args.Skip(1)] : [.. args];
        if (Find(words, out int wordsUsed) is not { } command)
        {
            errors.WriteLine($"{program}: there is no command '{words[0]}'{NearestCommand(words[0])}");
            errors.WriteLine($"Try: {program} --help");
            return ExitCode.Usage;
        }
        try
        {
            ReadOnlySpan<string> rest = words.AsSpan(wordsUsed);
            if (rest.Contains("--help") || rest.Contains("-h"))
            {
                output.Write(Help(command));
                return ExitCode.Clean;
            }
            return command.Run(Parse(command, rest));
        }
        catch (UsageException mistake)
        {
            errors.WriteLine($"{program} {command.Name}: {mistake.Message}");
            return ExitCode.Usage;
        }
    }

    public Arguments Parse(Command command, ReadOnlySpan<string> words)
    {
        Arguments arguments = new();
        for (int i = 0; i < words.Length; i++)
        {
            string word = words[i];
            if (word == "--")
            {
                AddOperands(command, arguments, words[(i + 1)..]);
                break;
            }
            if (!word.StartsWith('-') || word == "-")
            {
                AddOperands(command, arguments, words.Slice(i, 1));
                continue;
            }
            int equals = word.StartsWith("--", StringComparison.Ordinal) ? word.IndexOf('=') : -1;
            string name = equals < 0 ? word : word[..equals];
            Option option = FindOption(command, name);
            if (option.ValueName is null)
            {
                if (equals >= 0)
                {
                    throw new UsageException($"{name} takes no value");
                }
                arguments.Add(option.Name, "");
                continue;
            }
            if (arguments.Has(option.Name) && !option.IsRepeatable)
            {
                throw new UsageException($"{name} is given twice; leave one of them out");
            }
            if (equals >= 0)
            {
                arguments.Add(option.Name, word[(equals + 1)..]);
            }
            else if (i + 1 < words.Length)
            {
                arguments.Add(option.Name, words[++i]);
            }
            else
            {
                throw new UsageException($"{name} needs a value: {name} {option.ValueName}");
            }
        }
        return arguments;
    }

    private static void AddOperands(Command command, Arguments arguments, ReadOnlySpan<string> words)
    {
        foreach (string word in words)
        {
            if (command.Operands is null)
            {
                throw new UsageException($"'{word}' was not expected here; options start with --");
            }
            arguments.Operands.Add(word);
        }
    }

    private static Option FindOption(Command command, string name)
    {
        foreach (Option option in command.Options)
        {
            if (name == option.Name || (option.Letter is { } letter && name.Length == 2 && name[1] == letter))
            {
                return option;
            }
        }
        string? nearest = command
            .Options.Select(option => option.Name)
            .Where(candidate => EditDistance.Between(name, candidate, 4) < 4)
            .MinBy(candidate => EditDistance.Between(name, candidate, 4));
        throw new UsageException($"there is no option {name}{(nearest is null ? "" : $"; did you mean {nearest}?")}");
    }

    private Command? Find(ReadOnlySpan<string> words, out int wordsUsed)
    {
        foreach (Command command in commands)
        {
            string[] name = command.Name.Split(' ');
            if (words.Length >= name.Length && words[..name.Length].SequenceEqual(name))
            {
                wordsUsed = name.Length;
                return command;
            }
        }
        wordsUsed = 0;
        return null;
    }

    private string NearestCommand(string word)
    {
        string? nearest = commands
            .Select(command => command.Name)
            .FirstOrDefault(name => EditDistance.Between(word, name, 3) < 3);
        return nearest is null ? "" : $"; did you mean '{nearest}'?";
    }

    private string Overview()
    {
        StringBuilder text = new();
        text.AppendLine($"usage: {program} COMMAND [OPTIONS]").AppendLine();
        int width = commands.Max(command => command.Name.Length);
        foreach (Command command in commands)
        {
            text.AppendLine($"  {command.Name.PadRight(width)}  {command.Summary}");
        }
        return text.AppendLine().AppendLine($"{program} COMMAND --help says more about one.").ToString();
    }

    private string Help(Command command)
    {
        StringBuilder text = new();
        string operands = command.Operands is null ? "" : " " + command.Operands;
        text.AppendLine($"usage: {program} {command.Name}{(command.Options.Count > 0 ? " [OPTIONS]" : "")}{operands}");
        text.AppendLine().AppendLine(command.Summary + ".");
        if (command.Options.Count > 0)
        {
            text.AppendLine();
            string[] left =
            [
                .. command.Options.Select(option =>
                    (option.Letter is { } letter ? $"-{letter}, " : "")
                    + option.Name
                    + (option.ValueName is null ? "" : " " + option.ValueName)
                    + (option.IsRepeatable ? "..." : "")
                ),
            ];
            int width = left.Max(part => part.Length);
            for (int i = 0; i < left.Length; i++)
            {
                AppendWrapped(text, $"  {left[i].PadRight(width)}  ", command.Options[i].Summary);
            }
        }
        if (command.Details is not null)
        {
            text.AppendLine().AppendLine(command.Details);
        }
        return text.ToString();
    }

    private static void AppendWrapped(StringBuilder text, string head, string body)
    {
        int column = head.Length;
        text.Append(head);
        foreach (string word in body.Split(' '))
        {
            if (column + word.Length > HelpWidth)
            {
                text.AppendLine().Append(' ', head.Length);
                column = head.Length;
            }
            text.Append(word).Append(' ');
            column += word.Length + 1;
        }
        text.Length--;
        text.AppendLine();
    }
}
