using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// netinet/in.h, netinet/tcp.h. Ports and addresses are in network byte order.

[StructLayout(LayoutKind.Sequential)]
public unsafe struct sockaddr_in
{
    public SocketDomain sin_family;
    public ushort sin_port;
    public uint sin_addr;
    public fixed byte sin_zero[8];
}

[StructLayout(LayoutKind.Sequential)]
public unsafe struct sockaddr_in6
{
    public SocketDomain sin6_family;
    public ushort sin6_port;
    public uint sin6_flowinfo;
    public fixed byte sin6_addr[16];
    public uint sin6_scope_id;
}

/// <summary>Options of level IPPROTO_TCP.</summary>
public enum TcpOption
{
    TCP_NODELAY = 1,
    TCP_CORK = 3,
    TCP_KEEPIDLE = 4,
    TCP_KEEPINTVL = 5,
    TCP_KEEPCNT = 6,
    TCP_DEFER_ACCEPT = 9,
    TCP_QUICKACK = 12,
    TCP_USER_TIMEOUT = 18,
}

/// <summary>Options of level IPPROTO_IPV6.</summary>
public enum Ipv6Option
{
    IPV6_V6ONLY = 26,
}
