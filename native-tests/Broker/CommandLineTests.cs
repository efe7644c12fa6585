using System.Xml.Linq;
using Aot.Broker.CommandLine;

namespace Aot.Broker.Tests;

public sealed class CommandLineTests
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();
    private Arguments? _seen;

    private ExitCode Run(params string[] args) =>
        new CommandLineParser(
            "b",
            [
                new Command(
                    "go",
                    "Go",
                    [
                        new Option("--speed", "N", "how fast", Letter: 's'),
                        new Option("--set", "K=V", "a setting", IsRepeatable: true),
                        new Option("--quiet", null, "no words"),
                    ],
                    See
                ),
                new Command("log dump", "Dump", [], See, Operands: "FILE..."),
                new Command("fail", "Fail", [], _ => throw new UsageException("not today")),
            ]
        ).Run(args, _output, _errors);

    private ExitCode See(Arguments arguments)
    {
        _seen = arguments;
        return ExitCode.Clean;
    }

    [Fact]
    public void Options_come_in_both_forms_and_repeat_where_they_may()
    {
        Assert.Equal(ExitCode.Clean, Run("go", "--speed=3", "--set", "a=b", "--set=c=d", "--quiet"));
        Assert.Equal("3", _seen!.Value("--speed"));
        Assert.Equal(["a=b", "c=d"], _seen.Values("--set"));
        Assert.True(_seen.Has("--quiet"));
        Assert.Equal(ExitCode.Clean, Run("go", "-s", "4"));
        Assert.Equal("4", _seen.Value("--speed"));
    }

    [Fact]
    public void A_command_of_two_words_takes_operands()
    {
        Assert.Equal(ExitCode.Clean, Run("log", "dump", "a", "--", "-b"));
        Assert.Equal(["a", "-b"], _seen!.Operands);
    }

    [Theory]
    [InlineData("there is no command 'gp'; did you mean 'go'?", "gp")]
    [InlineData("there is no option --sped; did you mean --speed?", "go", "--sped", "1")]
    [InlineData("--speed needs a value: --speed N", "go", "--speed")]
    [InlineData("--speed is given twice", "go", "--speed", "1", "--speed", "2")]
    [InlineData("--quiet takes no value", "go", "--quiet=1")]
    [InlineData("'x' was not expected here", "go", "x")]
    [InlineData("not today", "fail")]
    public void A_mistake_ends_with_code_2_and_says_what_it_is(string message, params string[] args)
    {
        Assert.Equal(ExitCode.Usage, Run(args));
        Assert.Contains(message, _errors.ToString());
        Assert.Empty(_output.ToString());
    }

    [Fact]
    public void Every_command_has_help()
    {
        foreach (Command command in Commands.All)
        {
            StringWriter output = new();
            CommandLineParser parser = new("aot-broker", Commands.All);
            Assert.Equal(ExitCode.Clean, parser.Run([.. command.Name.Split(' '), "--help"], output, _errors));
            string help = output.ToString();
            Assert.Contains($"usage: aot-broker {command.Name}", help);
            foreach (Option option in command.Options)
            {
                Assert.Contains(option.Name, help);
            }
            Assert.DoesNotContain(help.Split('\n'), line => line.Length > 120);
        }
        StringWriter overview = new();
        new CommandLineParser("aot-broker", Commands.All).Run(["--help"], overview, _errors);
        foreach (Command command in Commands.All)
        {
            Assert.Contains(command.Summary, overview.ToString());
        }
        Assert.Empty(_errors.ToString());
    }

    [Fact]
    public void Features_are_names_with_levels()
    {
        Command format = Commands.All.Single(command => command.Name == "format");
        CommandLineParser parser = new("aot-broker", Commands.All);
        FormatOptions options = StorageCommands.ReadFormatOptions(
            parser.Parse(format, ["--cluster-id", "x", "-f", "metadata.version=30", "--feature=group.version=1", "-g"])
        );
        Assert.Equal(("x", true, null), (options.ClusterId, options.IgnoreFormatted, options.ReleaseVersion));
        Assert.Equal(30, options.Features["metadata.version"]);
        Assert.Equal(1, options.Features["group.version"]);
        Assert.Throws<UsageException>(() => StorageCommands.ReadFormatOptions(parser.Parse(format, ["-f", "a"])));
        Assert.Throws<UsageException>(() => StorageCommands.ReadFormatOptions(parser.Parse(format, ["-f", "a=-1"])));
        Assert.Throws<UsageException>(() =>
            StorageCommands.ReadFormatOptions(parser.Parse(format, ["-f", "a=1", "-f", "a=2"]))
        );
    }

    [Fact]
    public void The_version_is_that_of_the_build()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Aot.Broker.sln")))
        {
            root = root.Parent;
        }
        string settings = Path.Combine(root!.FullName, "src", "Directory.Build.props");
        Assert.Equal(BuildInfo.Version, XDocument.Load(settings).Descendants("Version").Single().Value);
    }
}
