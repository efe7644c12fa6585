using Aot.Broker.Dump;
using Aot.Broker.Reactor;

namespace Aot.Broker.CommandLine;

/// <summary>The <c>log</c> family: looking at what is on the disk.</summary>
internal static class LogCommands
{
    public static Command Dump { get; } =
        new(
            "log dump",
            "Show what is in log files, indexes, snapshots and checkpoints, as kafka-dump-log does",
            [
                new Option(
                    "--records",
                    null,
                    "each record, too; those of internal topics with the names of their fields"
                ),
                new Option("--index", null, "of a directory also indexes, producer snapshots and checkpoints"),
                new Option("--verify", null, "check everything: checksums, offsets, records, indexes, snapshots"),
                new Option("--quiet", null, "no line for what is sound"),
                new Option("--format", "text|json", "text, or one JSON object per line"),
                new Option(
                    "--decoder",
                    RecordDecoder.Choices,
                    "what the records are; auto goes by the directory's name"
                ),
            ],
            Run,
            Operands: "FILE|DIR...",
            Details: """
            DIR is a partition's directory (all its segments in order) or a data directory (a line per partition). Files are
            only read, never locked: a broker may be running on them. A damaged file is shown up to the damage.

            JSON: every object has a kind. file: path, content, bytes. batch: the header's fields by Apache Kafka's names,
            position and size in bytes, crc, isValid. record: offset, timestamp, keySize, valueSize (-1 is null), sequence,
            headers, key, value (keyBase64 and valueBase64 where they are not UTF-8; type, version and data where they are
            decoded), control for markers. offsetIndex, timeIndex, abortedTransaction, producer, epoch, offset, properties,
            partition: one entry each. break: where and why the batches end early. reserved: zeros that a broker reserved.
            finding (--verify): file, position (-1 is the file as a whole), what. verified: files, batches, records, findings.

            Exit codes: 0 fine, 1 --verify found something, 2 usage, 4 no such file or no right to read it, 6 disk error.
            """
        );

    public static bool IsJson(Arguments arguments) =>
        arguments.Value("--format") switch
        {
            null or "text" => false,
            "json" => true,
            string other => throw new UsageException($"--format {other}: expected text or json"),
        };

    private static ExitCode Run(Arguments arguments)
    {
        if (arguments.Operands.Count == 0)
        {
            throw new UsageException("which file or directory? aot-broker log dump FILE|DIR");
        }
        string decoderName = arguments.Value("--decoder") ?? "auto";
        if (!RecordDecoder.TryParse(decoderName, out RecordKind? decoder))
        {
            throw new UsageException($"--decoder {decoderName}: expected {RecordDecoder.Choices}");
        }
        DumpOptions options = new(
            arguments.Has("--records"),
            arguments.Has("--index"),
            arguments.Has("--verify"),
            arguments.Has("--quiet"),
            decoder
        );
        return DumpOutput.Run(
            IsJson(arguments),
            writer =>
            {
                using LogDump dump = new(new LinuxDisk(), options, writer);
                return dump.Run(arguments.Operands);
            }
        );
    }
}
