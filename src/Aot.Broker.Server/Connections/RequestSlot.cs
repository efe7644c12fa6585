using Aot.Broker.Base;
using Aot.Broker.Memory;

namespace Aot.Broker.Server.Connections;

/// <summary>One contiguous part of an answer: bytes of a buffer, or a stretch of a file that goes out by sendfile.</summary>
internal struct ResponsePiece
{
    /// <summary>Valid for bytes in memory.</summary>
    public BufferHandle Buffer;

    /// <summary>Open for a stretch of a file.</summary>
    public Fd File;

    /// <summary>Offset in the buffer, or position in the file.</summary>
    public long Position;

    public int Length;
}

/// <summary>What a request in progress does when nobody waits for its answer any more.</summary>
internal interface IPendingWork
{
    /// <summary>The connection is closing or the broker is stopping: finish as soon as possible.</summary>
    void Abandon();

    /// <summary>The answer has left, or will never leave: what it pointed to may go.</summary>
    void OnAnswerGone();
}

/// <summary>
/// A request from its frame to the last byte of its answer. Pooled per core; belongs to the connection that took it.
///
/// Life: taken when the frame is whole, started in order, finished later (any order), sent in order, returned. A slot of a
/// closed connection is returned when its work finishes, never before: the work points to it.
/// </summary>
internal sealed class RequestSlot(ServerCore server)
{
    /// <summary>An answer with records of seven partitions; a larger one makes its slot's array grow once.</summary>
    private const int PiecesFilled = 16;

    private ResponsePiece[] _pieces = new ResponsePiece[PiecesFilled];
    private BufferHandle _head;

    public Connection Connection { get; private set; } = null!;

    public RequestHandler Handler { get; private set; } = null!;

    public short Version { get; private set; }

    public int CorrelationId { get; private set; }

    /// <summary>The request's bytes; gone after <see cref="ReleaseFrame"/>.</summary>
    public Frame Frame;

    /// <summary>Where the body begins, counted from the start of the frame.</summary>
    public int BodyOffset { get; private set; }

    /// <summary>The client id in the frame; length -1 is null.</summary>
    public int ClientIdOffset { get; private set; }

    public int ClientIdLength { get; private set; }

    public bool IsStarted { get; private set; }

    public bool IsFinished { get; private set; }

    /// <summary>The protocol knows no answer for this request (produce with acks=0).</summary>
    public bool HasNoAnswer { get; private set; }

    public IPendingWork? Work { get; set; }

    public int PieceCount { get; private set; }

    /// <summary>First piece not sent completely, and how much of it has left.</summary>
    public int SentPieces;

    public int SentOfPiece;

    public ServerCore Server => server;

    public void Begin(Connection connection, RequestHandler handler, ref Frame frame, in RequestHeader header)
    {
        Connection = connection;
        Handler = handler;
        Version = header.Version;
        CorrelationId = header.CorrelationId;
        BodyOffset = header.BodyOffset;
        ClientIdOffset = header.ClientIdOffset;
        ClientIdLength = header.ClientIdLength;
        Frame = frame;
        frame = default;
    }

    public ReadOnlySpan<byte> FrameBytes => server.Core.Buffers.Span(Frame.Buffer).Slice(Frame.Offset, Frame.Length);

    public ReadOnlySpan<byte> Body => FrameBytes[BodyOffset..];

    public void Start()
    {
        Invariant.That(!IsStarted);
        IsStarted = true;
        Handler.Requests++;
        Handler.Start(this);
    }

    /// <summary>The request was read completely: its bytes are not needed any more.</summary>
    [HotPath]
    public void ReleaseFrame() => Connection.ReleaseFrame(ref Frame);

    /// <summary>Takes over the buffer that holds the answer's bytes in memory; pieces then name parts of it.</summary>
    [HotPath]
    public void OwnHead(BufferHandle head)
    {
        Invariant.That(_head.IsNone);
        _head = head;
    }

    [HotPath]
    public void AddHeadPiece(int offset, int length)
    {
        if (length > 0)
        {
            ref ResponsePiece piece = ref NextPiece();
            piece.Buffer = _head;
            piece.File = Fd.None;
            piece.Position = offset;
            piece.Length = length;
        }
    }

    [HotPath]
    public void AddFilePiece(Fd file, long position, int length)
    {
        ref ResponsePiece piece = ref NextPiece();
        piece.Buffer = default;
        piece.File = file;
        piece.Position = position;
        piece.Length = length;
    }

    public ref readonly ResponsePiece Piece(int index) => ref _pieces[index];

    /// <summary>The answer is complete; it leaves when those before it have left.</summary>
    [HotPath]
    public void Finish()
    {
        Invariant.That(IsStarted && !IsFinished);
        IsFinished = true;
        Connection.ReleaseFrame(ref Frame);
        Connection.OnFinished(this);
    }

    [HotPath]
    public void FinishWithoutAnswer()
    {
        HasNoAnswer = true;
        Finish();
    }

    /// <summary>The request cannot be answered: the connection ends, as Kafka ends it.</summary>
    public void FinishByClosing(string why)
    {
        HasNoAnswer = true;
        IsFinished = true;
        Connection connection = Connection;
        if (connection.IsClosing)
        {
            server.ReturnSlot(this);
            return;
        }
        // Closing returns every finished slot, this one too.
        connection.CloseBecause(why, ("api", Handler.Name), ("version", Version));
    }

    /// <summary>Back to the state of a fresh slot; buffers are returned and the work is told.</summary>
    [HotPath]
    public void Reset()
    {
        Connection.ReleaseFrame(ref Frame);
        if (!_head.IsNone)
        {
            server.Core.Buffers.Release(ref _head);
        }
        IPendingWork? work = Work;
        Work = null;
        Connection = null!;
        Handler = null!;
        IsStarted = false;
        IsFinished = false;
        HasNoAnswer = false;
        PieceCount = 0;
        SentPieces = 0;
        SentOfPiece = 0;
        work?.OnAnswerGone();
    }

    private ref ResponsePiece NextPiece()
    {
        if (PieceCount == _pieces.Length)
        {
            Array.Resize(ref _pieces, 2 * _pieces.Length);
        }
        return ref _pieces[PieceCount++];
    }
}
