using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Server.Connections;
using Aot.Broker.Server.Fetch;

namespace Aot.Broker.Server.Handlers;

/// <summary>Fetch (1): consumers, with and without sessions; records go out by sendfile.</summary>
internal sealed class FetchHandler(ServerCore server) : RequestHandler
{
    public override ApiKey Key => ApiKey.Fetch;

    public override short VersionMin => 4;

    public override short VersionMax => 18;

    public override short FlexibleFrom => FetchRequestReader.FirstFlexible;

    [HotPath]
    public override void Start(RequestSlot slot)
    {
        FetchWork work = server.TakeFetchWork();
        slot.Work = work;
        if (!work.TryRead(slot))
        {
            slot.FinishByClosing("closed: the body of a request is malformed");
            return;
        }
        work.Start();
    }
}
