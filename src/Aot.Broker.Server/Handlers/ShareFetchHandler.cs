using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Server.Connections;
using Aot.Broker.Server.Share;

namespace Aot.Broker.Server.Handlers;

/// <summary>ShareFetch (78), KIP-932: records for a member of a share group, which go out by sendfile.</summary>
internal sealed class ShareFetchHandler(ServerCore server) : RequestHandler
{
    public override ApiKey Key => ApiKey.ShareFetch;

    public override short VersionMin => ApiKeys.LowestVersion(Key);

    public override short VersionMax => ApiKeys.HighestStableVersion(Key);

    public override short FlexibleFrom => ApiKeys.FlexibleSince(Key);

    public override void Start(RequestSlot slot)
    {
        WireReader reader = new(slot.Body);
        if (!ShareFetchRequest.TryRead(ref reader, slot.Version, out ShareFetchRequest request))
        {
            slot.FinishByClosing("closed: the body of a request is malformed");
            return;
        }
        slot.ReleaseFrame();
        ErrorCode refusal = ShareMembers.Check(
            server.Image,
            request.GroupId,
            request.MemberId,
            out ShareSessionKey member,
            out string? message
        );
        if (refusal != ErrorCode.None)
        {
            if (new ShareFetchAnswer(server, 0).TryWrite(slot, refusal, message))
            {
                slot.Finish();
            }
            return;
        }
        ShareFetchWork work = new(server, slot, request, member);
        slot.Work = work;
        _ = RunAsync(slot, work);
    }

    private async Task RunAsync(RequestSlot slot, ShareFetchWork work)
    {
        try
        {
            await work.RunAsync();
        }
        catch (Exception bug)
        {
            server.Log.Bug("a share fetch failed", bug);
            if (!slot.IsFinished)
            {
                slot.FinishByClosing("closed: a request failed");
            }
        }
    }
}
