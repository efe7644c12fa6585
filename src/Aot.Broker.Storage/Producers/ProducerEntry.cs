using System.Runtime.CompilerServices;

namespace Aot.Broker.Storage.Producers;

/// <summary>A batch that an idempotent producer wrote, as far as a repetition of it has to be recognized.</summary>
internal struct ProducerBatch
{
    public long LastOffset;
    public long Timestamp;
    public int LastSequence;
    public int OffsetDelta;

    public readonly long FirstOffset => LastOffset - OffsetDelta;

    public readonly int FirstSequence => Sequence.Minus(LastSequence, OffsetDelta);
}

/// <summary>Sequence numbers go from the largest i32 to 0, never below 0.</summary>
internal static class Sequence
{
    public static int Plus(int sequence, int records) =>
        sequence > int.MaxValue - records ? records - (int.MaxValue - sequence) - 1 : sequence + records;

    public static int Minus(int sequence, int records) =>
        sequence < records ? int.MaxValue - (records - sequence) + 1 : sequence - records;

    public static bool IsNext(int last, int next) => next == last + 1L || (next == 0 && last == int.MaxValue);
}

/// <summary>The newest five batches of a producer, the oldest first: how many requests a producer may have under way.</summary>
[InlineArray(Capacity)]
internal struct ProducerWindow
{
    public const int Capacity = 5;
    private ProducerBatch _first;
}

/// <summary>What a partition knows of one producer. A plain value: the append path copies it to be able to take a batch back.</summary>
internal struct ProducerEntry
{
    public const short NoEpoch = -1;

    public long ProducerId;

    /// <summary>First offset of the transaction that is open here; -1 = none.</summary>
    public long TransactionFirstOffset;

    /// <summary>Largest timestamp of the newest batch or marker: what expiry counts from.</summary>
    public long LastTimestamp;

    public int CoordinatorEpoch;
    public short Epoch;
    public byte BatchCount;

    /// <summary>Without batches: the sequence number before the one that is awaited.</summary>
    private int _sequenceBefore;

    /// <summary>Nothing of it is in the log: only this process knows it, see <see cref="Awaiting"/>.</summary>
    public bool IsAwaited;
    private ProducerWindow _window;

    public static ProducerEntry New(long producerId) =>
        new()
        {
            ProducerId = producerId,
            TransactionFirstOffset = -1,
            LastTimestamp = -1,
            CoordinatorEpoch = -1,
            Epoch = NoEpoch,
            _sequenceBefore = -1,
        };

    /// <summary>A producer of which nothing is in the log, and whose next batch begins with this sequence number.</summary>
    public static ProducerEntry Awaiting(long producerId, short epoch, int sequence, long timestamp)
    {
        ProducerEntry entry = New(producerId);
        entry.Epoch = epoch;
        entry.LastTimestamp = timestamp;
        entry._sequenceBefore = sequence - 1;
        entry.IsAwaited = true;
        return entry;
    }

    public readonly bool IsEmpty => BatchCount == 0;

    /// <summary>-1 without batches, unless one that could not be written is awaited again.</summary>
    public readonly int LastSequence => BatchCount == 0 ? _sequenceBefore : _window[BatchCount - 1].LastSequence;

    public readonly ProducerBatch Newest => _window[BatchCount - 1];

    public readonly ProducerBatch Batch(int index) => _window[index];

    public void Add(in ProducerBatch batch)
    {
        if (BatchCount == ProducerWindow.Capacity)
        {
            for (int i = 1; i < ProducerWindow.Capacity; i++)
            {
                _window[i - 1] = _window[i];
            }
            BatchCount--;
        }
        _window[BatchCount++] = batch;
        IsAwaited = false;
    }

    /// <summary>The batches of the same producer as the log has them; a snapshot keeps the newest only.</summary>
    public void TakeWindow(in ProducerEntry other)
    {
        if (other.Epoch == Epoch && other.LastSequence == LastSequence)
        {
            BatchCount = other.BatchCount;
            _window = other._window;
        }
    }

    /// <summary>A new epoch begins without batches.</summary>
    public void SetEpoch(short epoch)
    {
        if (Epoch != epoch)
        {
            Epoch = epoch;
            BatchCount = 0;
            _sequenceBefore = -1;
        }
    }

    public readonly bool TryFindDuplicate(int firstSequence, int lastSequence, out ProducerBatch batch)
    {
        for (int i = 0; i < BatchCount; i++)
        {
            if (_window[i].LastSequence == lastSequence && _window[i].FirstSequence == firstSequence)
            {
                batch = _window[i];
                return true;
            }
        }
        batch = default;
        return false;
    }
}
