using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server;

/// <summary>
/// How many connections are open, in all and per address, on core 0. Other cores report by mail when one of theirs opened or
/// closed, and hear when it was one too many for its address.
/// </summary>
internal sealed class ConnectionCensus(BrokerServer server, ConnectionLimits limits) : IMailTarget
{
    private const int KindOpened = 0;
    private const int KindClosed = 1;

    private readonly Dictionary<IPAddress, int> _byAddress = [];

    /// <summary>Accepted and not yet closed.</summary>
    public int Count { get; private set; }

    /// <summary>From the acceptor: one more, if there is room.</summary>
    public bool TryAdmit()
    {
        if (Count >= limits.Total)
        {
            return false;
        }
        Count++;
        return true;
    }

    public void Opened(Core core, Connection connection) => Tell(core, KindOpened, connection);

    public void Closed(Core core, Connection connection) => Tell(core, KindClosed, connection);

    public void Receive(Core core, in Mail mail)
    {
        IPAddress address = (IPAddress)mail.State!;
        int open = _byAddress.GetValueOrDefault(address);
        if (mail.Kind == KindClosed)
        {
            Count--;
            if (open <= 1)
            {
                _byAddress.Remove(address);
            }
            else
            {
                _byAddress[address] = open - 1;
            }
            return;
        }
        _byAddress[address] = open + 1;
        if (open + 1 > limits.Of(address))
        {
            ServerCore part = server.PartOf(new CoreIndex((int)mail.B));
            Mail refusal = ServerCore.RefusedMail(part, mail.A);
            if (part.Core == core)
            {
                part.Receive(core, refusal);
                return;
            }
            core.Post(part.Core.Index, refusal);
        }
    }

    private void Tell(Core core, int kind, Connection connection)
    {
        Mail mail = new()
        {
            Target = this,
            Kind = kind,
            A = connection.Id,
            B = core.Index.Value,
            State = connection.Remote.Address,
        };
        if (core.Index.Value == 0)
        {
            Receive(core, mail);
            return;
        }
        core.Post(new CoreIndex(0), mail);
    }
}
