using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server.Tests;

/// <summary>The byte stream of a connection is cut into the same frames however it arrives, and costs what really came.</summary>
public sealed class FrameAssemblerTests : IDisposable
{
    private const int FrameBytesMax = 1024 * 1024;

    private readonly Arena _arena = new(new CoreIndex(0));
    private readonly BufferPool _pool;
    private readonly CoreMemoryBudget _budget;

    public FrameAssemblerTests()
    {
        _pool = new BufferPool(_arena.AddShare("test", 64 * 1024 * 1024), BufferChecks.PoisonAndGuard);
        _budget = NewBudget(16 * 1024 * 1024);
    }

    public void Dispose()
    {
        _budget.AssertNothingReserved();
        _pool.AssertNothingLeaked();
        _pool.Dispose();
        _arena.Dispose();
    }

    [Fact]
    public void Frames_come_out_whole_wherever_the_stream_is_cut()
    {
        byte[][] frames = [Bytes(0), Bytes(1), Bytes(300), Bytes(3), Bytes(70)];
        byte[] stream = [.. frames.SelectMany(Framed)];
        for (int cut = 0; cut <= stream.Length; cut++)
        {
            for (int second = cut; second <= stream.Length; second += 37)
            {
                AssertSame(frames, Run([stream[..cut], stream[cut..second], stream[second..]]));
            }
        }
    }

    [Fact]
    public void Frames_come_out_whole_byte_by_byte()
    {
        byte[][] frames = [Bytes(9), Bytes(0), Bytes(200)];
        byte[] stream = [.. frames.SelectMany(Framed)];
        AssertSame(frames, Run(stream.Select(b => new[] { b })));
    }

    [Fact]
    public void A_large_frame_arrives_in_its_own_contiguous_buffer()
    {
        byte[] large = Bytes(FrameBytesMax);
        byte[] stream = [.. Framed(Bytes(10)), .. Framed(large), .. Framed(Bytes(20))];
        foreach (int chunk in new[] { 1000, 4096, 65536, stream.Length })
        {
            AssertSame([Bytes(10), large, Bytes(20)], Run(stream.Chunk(chunk)));
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    [InlineData(FrameBytesMax + 1)]
    public void A_length_that_cannot_be_right_is_refused_before_anything_is_reserved(int length)
    {
        FrameAssembler frames = new(_pool, _budget, FrameBytesMax);
        byte[] prefix = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(prefix, length);
        Feed(frames, prefix);
        Assert.Equal(FrameStep.BadLength, frames.Next(out _));
        Assert.Equal(0, _budget.BytesUsed);
        frames.Clear();
    }

    [Fact]
    public void A_length_prefix_alone_reserves_nothing()
    {
        FrameAssembler frames = new(_pool, _budget, FrameBytesMax);
        Feed(frames, [0, 15, 0, 0]);
        Assert.Equal(FrameStep.NeedBytes, frames.Next(out _));
        Assert.Equal(0, _pool.RentedCount);
        Assert.Equal(0, _budget.BytesUsed);
        frames.Clear();
    }

    [Fact]
    public void The_reservation_grows_with_the_bytes_that_came()
    {
        FrameAssembler frames = new(_pool, _budget, FrameBytesMax);
        byte[] stream = [.. Framed(Bytes(FrameBytesMax))];
        Feed(frames, stream[..100]);
        Assert.Equal(FrameStep.NeedIntoFrame, frames.Next(out _));
        Assert.Equal(FrameAssembler.FirstReservationBytes, _budget.BytesUsed);
        int given = 100;
        while (given < stream.Length)
        {
            frames.Target(out BufferHandle buffer, out int offset, out int length);
            stream.AsSpan(given, length).CopyTo(_pool.Span(buffer)[offset..]);
            frames.Filled(length);
            given += length;
            if (frames.Next(out Frame frame) == FrameStep.Frame)
            {
                frames.Release(ref frame);
                break;
            }
            Assert.True(_budget.BytesUsed <= 4L * given + FrameAssembler.FirstReservationBytes);
        }
        Assert.Equal(stream.Length, given);
    }

    [Fact]
    public void Past_the_budget_a_frame_waits_and_comes_out_when_bytes_are_returned()
    {
        CoreMemoryBudget small = NewBudget(100);
        FrameAssembler frames = new(_pool, small, FrameBytesMax);
        Feed(frames, [.. Framed(Bytes(120)), .. Framed(Bytes(30))]);
        Assert.Equal(FrameStep.Frame, frames.Next(out Frame first));
        Assert.Equal(FrameStep.OverBudget, frames.Next(out _));
        Assert.Equal(FrameStep.OverBudget, frames.Next(out _));
        frames.Release(ref first);
        Assert.Equal(FrameStep.Frame, frames.Next(out Frame second));
        Assert.Equal(30, second.Length);
        frames.Release(ref second);
        frames.Clear();
        small.AssertNothingReserved();
    }

    [Fact]
    public void Between_frames_no_buffer_is_held()
    {
        FrameAssembler frames = new(_pool, _budget, FrameBytesMax);
        Feed(frames, [.. Framed(Bytes(50))]);
        Assert.Equal(FrameStep.Frame, frames.Next(out Frame frame));
        frames.Release(ref frame);
        Assert.Equal(FrameStep.NeedBytes, frames.Next(out _));
        Assert.Equal(0, _pool.RentedCount);
    }

    [Fact]
    public void Random_streams_in_random_pieces_give_their_frames()
    {
        Random random = new(20_261_121);
        for (int round = 0; round < 200; round++)
        {
            byte[][] frames = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => Bytes(Size(random)))];
            byte[] stream = [.. frames.SelectMany(Framed)];
            List<byte[]> pieces = [];
            for (int at = 0; at < stream.Length; )
            {
                int length = Math.Min(stream.Length - at, random.Next(1, 9000));
                pieces.Add(stream[at..(at + length)]);
                at += length;
            }
            AssertSame(frames, Run(pieces));
        }
    }

    private static int Size(Random random) => random.Next(10) == 0 ? random.Next(200_000) : random.Next(600);

    private static CoreMemoryBudget NewBudget(long bytes) =>
        new(new ProcessMemoryBudget(bytes, 1), new CoreIndex(0), bytes, bytes);

    private static byte[] Bytes(int length)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            bytes[i] = (byte)((i * 31) + length);
        }
        return bytes;
    }

    private static IEnumerable<byte> Framed(byte[] body)
    {
        byte[] prefix = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(prefix, body.Length);
        return [.. prefix, .. body];
    }

    private static void AssertSame(byte[][] expected, List<byte[]> actual)
    {
        Assert.Equal(expected.Length, actual.Count);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(expected[i].AsSpan().SequenceEqual(actual[i]), $"frame {i} differs");
        }
    }

    private void Feed(FrameAssembler frames, byte[] bytes)
    {
        Assert.True(_pool.TryRent(bytes.Length, out BufferHandle buffer));
        bytes.CopyTo(_pool.Span(buffer));
        frames.Feed(buffer, bytes.Length);
    }

    /// <summary>Plays a socket that has these bytes: whatever the assembler asks for, it gets the next of them.</summary>
    private List<byte[]> Run(IEnumerable<byte[]> pieces)
    {
        FrameAssembler frames = new(_pool, _budget, FrameBytesMax);
        List<byte[]> found = [];
        Queue<byte[]> left = new(pieces.Where(piece => piece.Length > 0));
        while (true)
        {
            switch (frames.Next(out Frame frame))
            {
                case FrameStep.Frame:
                    found.Add(_pool.Span(frame.Buffer).Slice(frame.Offset, frame.Length).ToArray());
                    frames.Release(ref frame);
                    break;
                case FrameStep.NeedBytes when left.TryDequeue(out byte[]? piece):
                    Feed(frames, piece);
                    break;
                case FrameStep.NeedIntoFrame when left.TryDequeue(out byte[]? piece):
                    frames.Target(out BufferHandle buffer, out int offset, out int length);
                    int taken = Math.Min(length, piece.Length);
                    piece.AsSpan(0, taken).CopyTo(_pool.Span(buffer)[offset..]);
                    frames.Filled(taken);
                    if (taken < piece.Length)
                    {
                        left = new Queue<byte[]>([piece[taken..], .. left]);
                    }
                    break;
                default:
                    frames.Clear();
                    return found;
            }
        }
    }
}
