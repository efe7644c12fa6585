using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Server.Connections;

/// <summary>
/// Writes an answer with records: everything but records into one buffer, cut where records belong; the records stay in their
/// segment files and go out by sendfile between the pieces.
/// <code>
/// [length, header, ..., partition fields, records length][file][tags, partition fields, records length][file]...[tags]
/// </code>
/// </summary>
internal abstract class RecordsAnswer(ServerCore server)
{
    private RequestSlot? _slot;
    private int _pieceStart;
    private long _fileBytes;

    protected ServerCore Server => server;

    /// <summary>Called twice, first to measure: it has to write the same both times.</summary>
    protected abstract void WriteBody(ref WireWriter writer, RequestSlot slot);

    /// <summary>False: there is no memory for it, and the request ends with its connection.</summary>
    [HotPath]
    protected bool TryWrite(RequestSlot slot)
    {
        _slot = null;
        _fileBytes = 0;
        WireWriter measure = WireWriter.Measuring();
        WriteAll(ref measure, slot, 0);
        int headBytes = measure.Position;
        int frameBytes = checked((int)(headBytes + _fileBytes - sizeof(int)));

        if (!server.TryRentForAnswer(slot, headBytes, out BufferHandle head))
        {
            return false;
        }
        slot.OwnHead(head);
        _slot = slot;
        _pieceStart = 0;
        _fileBytes = 0;
        WireWriter writer = new(server.Core.Buffers.Span(head)[..headBytes]);
        WriteAll(ref writer, slot, frameBytes);
        Invariant.That(writer.Position == headBytes);
        slot.AddHeadPiece(_pieceStart, headBytes - _pieceStart);
        _slot = null;
        return true;
    }

    /// <summary>A field of records: so many bytes of a file.</summary>
    [HotPath]
    protected void WriteRecords(ref WireWriter writer, Fd file, long position, int length, bool flexible)
    {
        writer.WriteCount(length, flexible);
        if (length > 0)
        {
            _fileBytes += length;
            if (_slot is not null)
            {
                _slot.AddHeadPiece(_pieceStart, writer.Position - _pieceStart);
                _slot.AddFilePiece(file, position, length);
                _pieceStart = writer.Position;
            }
        }
    }

    [HotPath]
    private void WriteAll(ref WireWriter writer, RequestSlot slot, int frameBytes)
    {
        writer.WriteInt32(frameBytes);
        writer.WriteInt32(slot.CorrelationId);
        if (ApiKeys.ResponseHeaderVersion(slot.Handler.Key, slot.Version) >= 1)
        {
            writer.WriteUVarint(0);
        }
        WriteBody(ref writer, slot);
    }
}
