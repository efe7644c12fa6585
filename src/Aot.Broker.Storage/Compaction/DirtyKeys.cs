using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// The first half of a pass: walks the dirty part of a log and notes the newest offset of each key. It ends where the
/// map is full, and the pass then cleans up to there.
/// </summary>
/// <remarks>Owner: one pass; runs in pieces on helper threads, one at a time.</remarks>
internal sealed class DirtyKeys(Disk disk, CleaningPlan plan, OffsetMap map) : IDisposable
{
    private readonly ScratchBuffer _plain = new();
    private CleanedTransactions? _transactions;
    private SourceReader? _reader;
    private int _next;

    /// <summary>The map knows all keys from the first dirty offset up to this one.</summary>
    public long EndOffset { get; private set; } = plan.FirstDirtyOffset;

    public bool IsDone { get; private set; }

    /// <summary>Reads at least <paramref name="bytesWanted"/> and returns how many it were.</summary>
    public long Step(long bytesWanted)
    {
        _transactions ??= new CleanedTransactions(
            plan.AbortedTransactions(disk).Where(a => a.LastOffset >= plan.FirstDirtyOffset)
        );
        long bytes = 0;
        while (bytes < bytesWanted && !IsDone)
        {
            if (_reader is null)
            {
                OpenNext();
                continue;
            }
            if (!_reader.MoveNext())
            {
                EndOffset = Math.Max(EndOffset, Math.Min(_reader.Source.EndOffset, plan.FirstUncleanableOffset));
                Close();
                continue;
            }
            bytes += _reader.Header.TotalBytes;
            Add(_reader);
        }
        return bytes;
    }

    public void Dispose()
    {
        Close();
        _plain.Dispose();
    }

    private void OpenNext()
    {
        while (_next < plan.Sources.Count && plan.Sources[_next].EndOffset <= plan.FirstDirtyOffset)
        {
            _next++;
        }
        if (_next == plan.Sources.Count)
        {
            IsDone = true;
            return;
        }
        _reader = new SourceReader(disk, plan.Sources[_next++]);
    }

    private void Close()
    {
        _reader?.Dispose();
        _reader = null;
    }

    private void Add(SourceReader reader)
    {
        if (reader.Header.LastOffset < plan.FirstDirtyOffset)
        {
            return;
        }
        if (reader.Header.NextOffset > plan.FirstUncleanableOffset)
        {
            IsDone = true;
            return;
        }
        bool isWhole = reader.Header.Magic < 2 ? AddLegacy(reader) : AddBatch(reader);
        if (isWhole)
        {
            EndOffset = reader.Header.NextOffset;
            return;
        }
        IsDone = true;
        if (EndOffset == plan.FirstDirtyOffset)
        {
            throw new CleaningException(
                CleaningEnd.Uncleanable,
                $"a batch of {plan.Name} at offset {reader.Header.BaseOffset} has more keys than the {map.CountMax} that fit into the cleaner's map",
                "raise log.cleaner.dedupe.buffer.size"
            );
        }
    }

    /// <summary>False: the map is full. It may know some keys of this batch, at offsets that the pass does not touch.</summary>
    private bool AddBatch(SourceReader reader)
    {
        RecordBatchView batch = new(reader.Batch());
        if (batch.IsControl)
        {
            _transactions!.OnControl(batch, out _);
            return true;
        }
        if (_transactions!.OnData(batch))
        {
            return true;
        }
        RecordEnumerator records = reader.Records(batch, _plain);
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            long offset = batch.BaseOffset + record.OffsetDelta;
            if (!TryPut(record.Key, offset))
            {
                return false;
            }
        }
        reader.Check(records.Fault);
        return true;
    }

    private bool AddLegacy(SourceReader reader)
    {
        LegacyMessageEnumerator messages = reader.LegacyMessages(_plain);
        while (messages.MoveNext())
        {
            if (!TryPut(messages.Current.Key, messages.Offset))
            {
                return false;
            }
        }
        reader.Check(messages.IsMalformed ? RecordBatchFault.BadRecord : RecordBatchFault.None);
        return true;
    }

    private bool TryPut(NullableBytes key, long offset) =>
        key.IsNull || offset < plan.FirstDirtyOffset || map.TryPut(plan.Hasher.Hash(key.Span), offset);
}
