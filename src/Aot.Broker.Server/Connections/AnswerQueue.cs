using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Server.Connections;

/// <summary>
/// The requests of one connection from their start to the last byte of their answers, in order of arrival. Answers leave in
/// that order: what is finished is gathered over several answers into one call, stretches of files go by sendfile between.
///
/// Part of a connection, on its core. A slot leaves the queue when its answer was handed to the kernel completely, or when the
/// connection ends.
/// </summary>
internal sealed class AnswerQueue(ServerCore server)
{
    /// <summary>A power of two.</summary>
    public const int Capacity = 64;

    /// <summary>Pieces given to one send call.</summary>
    private const int PiecesPerSend = 32;

    private readonly Core _core = server.Core;
    private readonly RequestSlot?[] _ring = new RequestSlot?[Capacity];
    private int _first;
    private int _count;

    public int Count => _count;

    public bool IsFull => _count == Capacity;

    /// <summary>The request that came last; only when there is one.</summary>
    public RequestSlot Last => this[_count - 1];

    public RequestSlot this[int index] => _ring[(_first + index) & (Capacity - 1)]!;

    [HotPath]
    public void Add(RequestSlot slot)
    {
        Invariant.That(_count < Capacity);
        _ring[(_first + _count) & (Capacity - 1)] = slot;
        _count++;
    }

    /// <summary>Takes the oldest request out; what becomes of it is the caller's affair.</summary>
    public RequestSlot Remove()
    {
        RequestSlot slot = _ring[_first]!;
        _ring[_first] = null;
        _first = (_first + 1) & (Capacity - 1);
        _count--;
        return slot;
    }

    /// <summary>
    /// Sends once from the oldest answer on: bytes that left, 0 when the oldest request is not finished or there is none, or
    /// -errno. Requests without an answer are passed on the way.
    /// </summary>
    [HotPath]
    public long SendSome(IoHandle io)
    {
        while (_count > 0 && this[0] is { IsFinished: true } head)
        {
            if (head.SentPieces == head.PieceCount)
            {
                PopHead();
                continue;
            }
            ref readonly ResponsePiece piece = ref head.Piece(head.SentPieces);
            return piece.File.IsOpen ? SendFilePiece(io, head, piece) : SendBytes(io);
        }
        return 0;
    }

    [HotPath]
    private long SendFilePiece(IoHandle io, RequestSlot head, in ResponsePiece piece)
    {
        bool more = head.SentPieces + 1 < head.PieceCount;
        long sent = _core.Io.TrySendFile(
            io,
            piece.File,
            piece.Position + head.SentOfPiece,
            piece.Length - head.SentOfPiece,
            more
        );
        if (sent == 0)
        {
            // The file is shorter than the index of the log said: the answer cannot be completed.
            return -(long)Errno.EIO;
        }
        if (sent > 0)
        {
            AdvanceCursor((int)sent);
        }
        return sent;
    }

    /// <summary>Gathers pieces in memory across answers, up to the next stretch of a file.</summary>
    [HotPath]
    private long SendBytes(IoHandle io)
    {
        Span<IoPiece> pieces = stackalloc IoPiece[PiecesPerSend];
        int count = 0;
        bool more = false;
        for (int i = 0; i < _count && count < PiecesPerSend && !more; i++)
        {
            RequestSlot slot = _ring[(_first + i) & (Capacity - 1)]!;
            if (!slot.IsFinished)
            {
                break;
            }
            for (int p = slot.SentPieces; p < slot.PieceCount && count < PiecesPerSend; p++)
            {
                ref readonly ResponsePiece piece = ref slot.Piece(p);
                if (piece.File.IsOpen)
                {
                    more = true;
                    break;
                }
                int from = p == slot.SentPieces ? slot.SentOfPiece : 0;
                pieces[count++] = IoPiece.Of(
                    _core.Buffers,
                    piece.Buffer,
                    (int)piece.Position + from,
                    piece.Length - from
                );
            }
        }
        long sent = _core.Io.TrySend(io, pieces[..count], more);
        if (sent > 0)
        {
            AdvanceCursor((int)sent);
        }
        return sent;
    }

    /// <summary>Moves the place of sending on by what the kernel took; slots that are sent completely leave the ring.</summary>
    [HotPath]
    private void AdvanceCursor(int sent)
    {
        while (sent > 0)
        {
            RequestSlot slot = _ring[_first]!;
            if (slot.SentPieces == slot.PieceCount)
            {
                PopHead();
                continue;
            }
            int left = slot.Piece(slot.SentPieces).Length - slot.SentOfPiece;
            if (sent < left)
            {
                slot.SentOfPiece += sent;
                return;
            }
            sent -= left;
            slot.SentPieces++;
            slot.SentOfPiece = 0;
        }
    }

    [HotPath]
    private void PopHead()
    {
        server.ReturnSlot(Remove());
    }
}
