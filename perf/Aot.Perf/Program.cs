using Aot.Broker.CommandLine;
using Aot.Perf;

return (int)new CommandLineParser("aot-perf", PerfCommands.All).Run(args, Console.Out, Console.Error);
