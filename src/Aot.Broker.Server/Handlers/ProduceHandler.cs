using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Server.Connections;
using Aot.Broker.Server.Produce;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// Produce (0). Versions below 3 carry the message sets of magic 0 and 1 and are refused, but are advertised: librdkafka
/// before 2.11 takes the overlap with version 2 as the sign that it may compress (KAFKA-18659).
/// </summary>
internal sealed class ProduceHandler(ServerCore server) : RequestHandler
{
    public override ApiKey Key => ApiKey.Produce;

    public override short VersionMin => 3;

    public override short VersionMax => 13;

    public override short AdvertisedMin => 0;

    public override short FlexibleFrom => 9;

    public override bool MayOverlap => true;

    [HotPath]
    public override void Start(RequestSlot slot)
    {
        ProduceWork work = server.TakeProduceWork();
        slot.Work = work;
        if (!work.TryRead(slot))
        {
            slot.FinishByClosing("closed: the body of a request is malformed");
            return;
        }
        work.Start();
    }
}
