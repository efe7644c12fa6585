using Aot.Broker.Memory;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Tests;

public sealed class AllocationTests
{
    /// <summary>What a core does all day must not feed the collector: appends, turns, waiters, syncs, reads near and far.</summary>
    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(1)]
    public void Appending_and_reading_allocate_nothing(long flushMessages)
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { FlushMessages = flushMessages });
        Load load = new(rig, log);
        rig.On(() => { });
        for (int i = 0; i < 300; i++)
        {
            load.Round();
        }
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 500; i++)
        {
            load.Round();
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(0, allocated);
        Assert.Equal(800 * 6, log.HighWatermark);
        Assert.Equal(800 * 2, load.Answers);
    }

    private sealed class Load(StorageRig rig, PartitionLog log) : IAppendTarget
    {
        private readonly byte[] _batch = Batches.Plain(3, 100);
        private readonly byte[] _idempotent = Batches.Build(
            new()
            {
                ProducerId = 4,
                ProducerEpoch = 0,
                BaseSequence = 0,
            },
            3,
            100,
            1_700_000_000_000,
            0
        );
        private int _sequence;
        private BufferHandle _buffer;

        public int Answers { get; private set; }

        public void OnAppended(long token, ErrorCode error)
        {
            Answers += error == ErrorCode.None ? 1 : 0;
        }

        public unsafe void Round()
        {
            // As the loop of a core would: requests, turn end, then the next turn with the syncs' completions.
            if (!rig.Core.Buffers.TryRent(_batch.Length, out _buffer))
            {
                Assert.Fail("no buffer");
            }
            _batch.CopyTo(rig.Core.Buffers.Span(_buffer));
            AppendResult first = log.Append(
                new BatchSource((nint)rig.Core.Buffers.Pointer(_buffer), _batch.Length, _buffer),
                AppendOrigin.Client,
                rig.Io.Wall
            );
            rig.Core.Buffers.Release(ref _buffer);
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(_idempotent.AsSpan(53), _sequence);
            System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(_idempotent, 0);
            Protocol.Records.RecordBatchPatch.Seal(_idempotent);
            _sequence += 3;
            AppendResult second = log.AppendCopy(_idempotent, AppendOrigin.Client, rig.Io.Wall);
            if (!first.IsOk || !second.IsOk)
            {
                Assert.Fail(second.Message);
            }
            log.WhenWritten(second.LastOffset, this, 1);
            log.WhenCommitted(second.LastOffset, this, 2);
            rig.Turn();
            rig.Turn();
            Read(Math.Max(0, log.HighWatermark - 3));
            Read(log.HighWatermark / 2);
        }

        private void Read(long offset)
        {
            log.Read(offset, 1 << 16, ReadIsolation.HighWatermark, true, out LogSlice slice);
            slice.Lease.Release();
        }
    }
}
