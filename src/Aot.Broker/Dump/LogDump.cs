using Aot.Broker.CommandLine;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Inspection;

namespace Aot.Broker.Dump;

/// <summary>
/// The <c>log dump</c> command over one file or directory after the other. Reads only, in pieces, and never locks: a
/// broker may be running on what it looks at.
/// </summary>
public sealed class LogDump : IDisposable
{
    private readonly Disk _disk;
    private readonly DumpOptions _options;
    private readonly DumpWriter _writer;
    private readonly BatchContent _content = new();
    private readonly List<Finding> _findings = [];
    private long _findingsTotal;
    private long _files;
    private long _batches;
    private long _records;

    public LogDump(Disk disk, DumpOptions options, DumpWriter writer)
    {
        _disk = disk;
        _options = options;
        _writer = writer;
    }

    /// <exception cref="UnreadableException">There is no such file, or the disk does not give it.</exception>
    /// <exception cref="UsageException">It is no file of a log.</exception>
    public ExitCode Run(IReadOnlyList<string> paths)
    {
        foreach (string path in paths)
        {
            if (Directory.Exists(path))
            {
                DumpDirectory(Path.TrimEndingDirectorySeparator(path));
            }
            else
            {
                DumpFile(path, null);
            }
        }
        if (_options.Verify)
        {
            _writer.Begin("verified", "verified:");
            _writer.Field("files", _files);
            _writer.Field("batches", _batches);
            _writer.Field("records", _records);
            _writer.Field("findings", _findingsTotal);
            _writer.End();
        }
        return _options.Verify && _findingsTotal > 0 ? ExitCode.Fatal : ExitCode.Clean;
    }

    public void Dispose() => _content.Dispose();

    internal static UnreadableException Unreadable(string path, Errno error) =>
        new(
            error is Errno.ENOENT or Errno.EACCES or Errno.EPERM or Errno.ENOTDIR or Errno.EISDIR
                ? ExitCode.DataDirectory
                : ExitCode.DiskError,
            error switch
            {
                Errno.ENOENT => $"there is no file or directory {path}",
                Errno.EACCES or Errno.EPERM => $"{path} may not be read by this user: {error}",
                _ => $"{path} cannot be read: {error}",
            }
        );

    private void DumpDirectory(string path)
    {
        LogFolder folder = LogFolder.List(_disk, path);
        if (folder.Partitions.Count > 0 || !folder.HasLogFiles)
        {
            DumpDataDirectory(folder);
        }
        else
        {
            DumpPartition(folder, _options);
        }
    }

    /// <summary>Every segment in order; with <c>--index</c> what is beside them, too.</summary>
    private void DumpPartition(LogFolder folder, DumpOptions options)
    {
        BatchCheck check = new(folder.Path, _findings);
        foreach (string snapshot in folder.MetadataSnapshots)
        {
            DumpFile(snapshot, null, options);
        }
        foreach (LogFolder.Segment segment in folder.Segments)
        {
            if (check.LastOffset >= segment.BaseOffset)
            {
                _findings.Add(
                    new Finding(segment.Log, -1, $"the segment before goes to offset {check.LastOffset}, into this one")
                );
            }
            DumpFile(segment.Log, check, options);
            foreach (string index in segment.Indexes)
            {
                if (options.Index)
                {
                    DumpFile(index, null, options);
                }
                else if (options.Verify)
                {
                    Verify(index);
                }
            }
        }
        foreach (string other in folder.Others)
        {
            if (options.Index)
            {
                DumpFile(other, null, options);
            }
            else if (options.Verify)
            {
                Verify(other);
            }
        }
    }

    private void DumpDataDirectory(LogFolder folder)
    {
        foreach (string file in folder.Others)
        {
            DumpFile(file, null);
        }
        foreach (string path in folder.Partitions)
        {
            LogFolder partition = LogFolder.List(_disk, path);
            PartitionSummary.Write(_writer, _disk, partition);
            if (_options.Verify)
            {
                DumpPartition(partition, _options with { Quiet = true, Index = false });
            }
        }
    }

    private void DumpFile(string path, BatchCheck? check) => DumpFile(path, check, _options);

    private void DumpFile(string path, BatchCheck? check, DumpOptions options)
    {
        DumpKind kind = FileNames.KindOf(path, out long baseOffset);
        if (kind == DumpKind.Unknown)
        {
            throw _disk.Exists(path)
                ? new UsageException(
                    $"{path}: neither a directory nor, by its name, a file of a log (.log .index .timeindex .txnindex "
                        + ".snapshot .checkpoint, a checkpoint, partition.metadata, meta.properties)"
                )
                : Unreadable(path, Errno.ENOENT);
        }
        if (!options.Quiet)
        {
            WriteFileHead(path, kind);
        }
        switch (kind)
        {
            case DumpKind.Batches:
                _files++;
                DumpBatches(path, baseOffset, check ?? new BatchCheck(path, _findings), options);
                break;
            case DumpKind.OffsetIndex:
            case DumpKind.TimeIndex:
            case DumpKind.TransactionIndex:
                if (!options.Quiet)
                {
                    IndexLines.Write(_writer, _disk, path, kind, baseOffset);
                }
                if (options.Verify)
                {
                    Verify(path);
                }
                break;
            default:
                _files++;
                ReadState(options.Quiet ? null : _writer, path, kind, baseOffset);
                break;
        }
        WriteFindings();
    }

    private void WriteFileHead(string path, DumpKind kind)
    {
        _writer.Begin("file", "Dumping ");
        if (_writer.IsJson)
        {
            _writer.Field("path", path);
            _writer.Field("content", kind.ToString());
            _writer.Field("bytes", _disk.LengthOf(path));
        }
        else
        {
            _writer.Text(path);
        }
        _writer.End();
    }

    private void DumpBatches(string path, long baseOffset, BatchCheck check, DumpOptions options)
    {
        RecordKind decoder =
            options.Decoder
            ?? (
                FileNames.IsMetadataSnapshot(path)
                    ? RecordKind.Metadata
                    : RecordDecoder.KindOf(Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(path))) ?? "")
            );
        Errno error = BatchReader.TryOpen(_disk, path, wholeBatches: true, out BatchReader? opened);
        if (error != Errno.None)
        {
            throw Unreadable(path, error);
        }
        using BatchReader batches = opened!;
        BatchLines lines = new(_writer, _content, decoder);
        check.File = path;
        (long batchesBefore, long recordsBefore) = (check.Batches, check.Records);
        while (batches.MoveNext())
        {
            ReadOnlySpan<byte> bytes = batches.Bytes();
            if (!options.Quiet)
            {
                lines.Write(bytes, batches.Position, options.Records);
            }
            if (options.Verify)
            {
                check.Check(bytes, batches.Position, baseOffset, _content);
                WriteFindings();
            }
        }
        _batches += check.Batches - batchesBefore;
        _records += check.Records - recordsBefore;
        WriteBreak(path, batches.Break, options);
    }

    private void WriteBreak(string path, BatchBreak? end, DumpOptions options)
    {
        if (end is null)
        {
            return;
        }
        if (!end.IsReserved && options.Verify)
        {
            _findings.Add(new Finding(path, end.Position, end.Cause));
            return;
        }
        if (!options.Quiet)
        {
            _writer.Begin(end.IsReserved ? "reserved" : "break", end.IsReserved ? "" : "BREAK");
            _writer.Field("position", end.Position);
            _writer.Field("bytesLeft", end.BytesLeft);
            _writer.Field("cause", end.Cause);
            _writer.End();
        }
    }

    /// <summary>A file beside a log file, without showing it.</summary>
    private void Verify(string path)
    {
        _files++;
        DumpKind kind = FileNames.KindOf(path, out long baseOffset);
        string log = Path.Combine(
            Path.GetDirectoryName(path) ?? "",
            LogFileNames.Stem(Math.Max(0, baseOffset)) + LogFileNames.LogSuffix
        );
        switch (kind)
        {
            case DumpKind.OffsetIndex:
                IndexCheck.CheckOffsets(_disk, log, path, baseOffset, _findings);
                break;
            case DumpKind.TimeIndex:
                IndexCheck.CheckTimes(_disk, log, path, baseOffset, _findings);
                break;
            case DumpKind.TransactionIndex:
                AbortedCheck.Check(_disk, log, path, _findings);
                break;
            case DumpKind.Unknown:
            case DumpKind.Batches:
                break;
            default:
                ReadState(null, path, kind, baseOffset);
                break;
        }
        WriteFindings();
    }

    private void ReadState(DumpWriter? writer, string path, DumpKind kind, long offset)
    {
        Errno error = _disk.ReadAllBytes(path, out byte[] bytes);
        if (error != Errno.None)
        {
            throw Unreadable(path, error);
        }
        switch (kind)
        {
            case DumpKind.ProducerSnapshot:
                StateFiles.Snapshot(writer, path, bytes, offset, _findings);
                break;
            case DumpKind.EpochCheckpoint:
                StateFiles.Epochs(writer, path, bytes, _findings);
                break;
            case DumpKind.OffsetCheckpoint:
                StateFiles.Offsets(writer, path, bytes, _findings);
                break;
            case DumpKind.Properties:
                StateFiles.Properties(writer, path, bytes, _findings);
                break;
            default:
                StateFiles.Text(writer, bytes);
                break;
        }
    }

    /// <summary>What was found is shown where it was found. Without <c>--verify</c> only what could not be shown is.</summary>
    private void WriteFindings()
    {
        foreach (Finding finding in _findings)
        {
            _findingsTotal++;
            _writer.Begin("finding", "FOUND in ");
            if (_writer.IsJson)
            {
                _writer.Field("file", finding.File);
                _writer.Field("position", finding.Position);
                _writer.Field("what", finding.What);
            }
            else
            {
                string at = finding.Position < 0 ? "" : $" at position {finding.Position}";
                _writer.Text($"{finding.File}{at}: {finding.What}");
            }
            _writer.End();
        }
        _findings.Clear();
    }
}
