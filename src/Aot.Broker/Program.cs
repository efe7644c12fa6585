using Aot.Broker.Base;
using Aot.Broker.CommandLine;

ExitCode code = new CommandLineParser("aot-broker", Commands.All).Run(args, Console.Out, Console.Error);
Log.Process.Flush(TimeSpan.FromSeconds(1));
return (int)code;
