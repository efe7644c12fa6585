using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// The second half of a pass, for one group: writes one segment with what is left of the group's sources.
/// </summary>
/// <remarks>Owner: one pass; runs in pieces on helper threads, one at a time.</remarks>
internal sealed class GroupCleaner(
    Disk disk,
    CleaningPlan plan,
    IReadOnlyList<CleanSource> sources,
    BatchCleaner batches,
    LegacyCleaner messages,
    CleanerOptions options,
    long upperBound
) : IDisposable
{
    private SourceReader? _reader;
    private int _next;

    public IReadOnlyList<CleanSource> Sources => sources;

    /// <summary>Null until the first step.</summary>
    public CleanedSegment? Output { get; private set; }

    public bool IsDone { get; private set; }

    /// <summary>The output has every byte of a single source: nothing is to be replaced.</summary>
    public bool IsUnchanged => sources.Count == 1 && !_hasChanged;

    /// <summary>The output counts, and its sources do not any more: nothing of it may go.</summary>
    public bool IsCommitted { get; set; }

    private bool _hasChanged;

    /// <summary>Reads at least <paramref name="bytesWanted"/>; returns how many were read and written.</summary>
    public long Step(long bytesWanted)
    {
        Output ??= new CleanedSegment(disk, plan.Directory, sources[0].BaseOffset, plan.Config, options.IoBufferBytes);
        long read = 0;
        long writtenBefore = Output.Bytes;
        while (read < bytesWanted && !IsDone)
        {
            if (_reader is null)
            {
                OpenNext();
            }
            else if (_reader.MoveNext())
            {
                read += _reader.Header.TotalBytes;
                Clean(_reader);
            }
            else
            {
                Close();
            }
        }
        return read + Output.Bytes - writtenBefore;
    }

    /// <summary>The output is of no use: its files go.</summary>
    public void Drop()
    {
        Dispose();
        Output?.Delete();
    }

    public void Dispose()
    {
        Close();
        Output?.Dispose();
    }

    private void OpenNext()
    {
        if (_next < sources.Count)
        {
            _reader = new SourceReader(disk, sources[_next++]);
            return;
        }
        if (!IsUnchanged)
        {
            Output!.Finish(sources[^1].ModifiedMillis);
        }
        IsDone = true;
    }

    private void Close()
    {
        _reader?.Dispose();
        _reader = null;
    }

    private void Clean(SourceReader reader)
    {
        if (reader.Header.Magic < 2)
        {
            _hasChanged |= messages.Clean(reader, reader.Source.RetentionTimestamp, Output!);
            return;
        }
        RecordBatchView batch = new(reader.Batch());
        CleanedBatch cleaned = batches.Clean(
            batch,
            upperBound,
            out ReadOnlySpan<byte> left,
            out RecordBatchFault fault
        );
        reader.Check(fault);
        _hasChanged |= cleaned != CleanedBatch.AsItWas;
        if (cleaned != CleanedBatch.Gone)
        {
            Output!.Append(left);
        }
        if (batches.Aborted is { } aborted)
        {
            Output!.AddAborted(aborted);
        }
    }
}
