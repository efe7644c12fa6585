using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server;

/// <summary>Reads a request's body; the generated messages' own reader.</summary>
internal delegate bool RequestRead<TRequest>(ref WireReader reader, short version, out TRequest request);

/// <summary>
/// A handler of the control plane: the request becomes an object, an async method makes the response object, and that is
/// written at the version of the request. It runs on the connection's core, and so do its continuations. An exception out of
/// it is a bug of ours: it is logged, and the connection closed, because the client must not wait for ever.
/// </summary>
internal abstract class ControlHandler<TRequest, TResponse>(ServerCore server, RequestRead<TRequest> read)
    : RequestHandler
    where TRequest : class
    where TResponse : class, IWireMessage
{
    protected ServerCore Server => server;

    public override short VersionMin => ApiKeys.LowestVersion(Key);

    public override short VersionMax =>
        server.Options.OffersUnstableVersions ? ApiKeys.HighestVersion(Key) : ApiKeys.HighestStableVersion(Key);

    public override short FlexibleFrom => ApiKeys.FlexibleSince(Key);

    protected abstract ValueTask<TResponse> HandleAsync(RequestContext context, TRequest request);

    public override void Start(RequestSlot slot)
    {
        WireReader reader = new(slot.Body);
        if (!read(ref reader, slot.Version, out TRequest request))
        {
            slot.FinishByClosing("closed: the body of a request is malformed");
            return;
        }
        RequestContext context = new(slot);
        slot.ReleaseFrame();
        _ = RunAsync(slot, context, request);
    }

    /// <summary>Writes the response behind its header and finishes the request.</summary>
    protected static void Answer(RequestSlot slot, ApiKey key, IWireMessage response, short bodyVersion)
    {
        bool hasTags = ApiKeys.ResponseHeaderVersion(key, slot.Version) >= 1;
        int bytes = sizeof(int) + sizeof(int) + (hasTags ? 1 : 0) + response.Measure(bodyVersion);
        if (!slot.Server.TryRentForAnswer(slot, bytes, out BufferHandle head))
        {
            return;
        }
        slot.OwnHead(head);
        WireWriter writer = new(slot.Server.Core.Buffers.Span(head)[..bytes]);
        writer.WriteInt32(bytes - sizeof(int));
        writer.WriteInt32(slot.CorrelationId);
        if (hasTags)
        {
            writer.WriteUVarint(0);
        }
        response.Write(ref writer, bodyVersion);
        Invariant.That(writer.Position == bytes);
        slot.AddHeadPiece(0, bytes);
        slot.Finish();
    }

    private async Task RunAsync(RequestSlot slot, RequestContext context, TRequest request)
    {
        try
        {
            TResponse response = await HandleAsync(context, request);
            Answer(slot, Key, response, slot.Version);
        }
        catch (Exception bug)
        {
            Server.Log.Bug($"a request of {Key} version {context.Version} failed", bug);
            if (!slot.IsFinished)
            {
                slot.FinishByClosing("closed: a request failed");
            }
        }
    }
}
