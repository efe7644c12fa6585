using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>
/// An IPv4 or IPv6 address with a port, in the bytes that the kernel reads: the two sockaddr structs lie over each
/// other, and the family says which one counts. 28 bytes, no heap.
/// </summary>
// SAFETY: the only pointer is the fixed buffer of 16 address bytes inside the struct itself; indexes run from 0 to 15.
[StructLayout(LayoutKind.Explicit, Size = 28)]
public unsafe struct InetEndpoint : IEquatable<InetEndpoint>
{
    [FieldOffset(0)]
    private sockaddr_in _v4;

    [FieldOffset(0)]
    private sockaddr_in6 _v6;

    /// <summary>What a sockaddr buffer must hold.</summary>
    public const int SizeInBytes = 28;

    public InetEndpoint(ReadOnlySpan<byte> address, ushort port, uint scopeId = 0)
    {
        Invariant.That(address.Length is 4 or 16);
        if (address.Length == 4)
        {
            _v4.sin_family = SocketDomain.AF_INET;
            _v4.sin_port = BinaryPrimitives.ReverseEndianness(port);
            _v4.sin_addr = MemoryMarshal.Read<uint>(address);
            return;
        }
        _v6.sin6_family = SocketDomain.AF_INET6;
        _v6.sin6_port = BinaryPrimitives.ReverseEndianness(port);
        _v6.sin6_scope_id = scopeId;
        for (int i = 0; i < 16; i++)
        {
            _v6.sin6_addr[i] = address[i];
        }
    }

    /// <summary>Control plane: allocates.</summary>
    public static InetEndpoint From(IPAddress address, int port)
    {
        Span<byte> bytes = stackalloc byte[16];
        Invariant.That(address.TryWriteBytes(bytes, out int written));
        bool isV6 = written == 16;
        return new InetEndpoint(bytes[..written], checked((ushort)port), isV6 ? (uint)address.ScopeId : 0);
    }

    public static InetEndpoint Loopback(ushort port) => new([127, 0, 0, 1], port);

    public readonly SocketDomain Family => _v4.sin_family;

    public readonly bool IsV6 => Family == SocketDomain.AF_INET6;

    /// <summary>0 in a bind = any free port.</summary>
    public readonly ushort Port => BinaryPrimitives.ReverseEndianness(_v4.sin_port);

    /// <summary>Length of the sockaddr that <see cref="Family"/> says.</summary>
    public readonly uint SockaddrBytes => IsV6 ? (uint)sizeof(sockaddr_in6) : (uint)sizeof(sockaddr_in);

    /// <summary>Writes 4 or 16 bytes in network order, returns how many. IPv4 inside IPv6 (::ffff:a.b.c.d) gives 4.</summary>
    public readonly int CopyAddress(Span<byte> target)
    {
        if (!IsV6)
        {
            MemoryMarshal.Write(target, _v4.sin_addr);
            return 4;
        }
        Span<byte> bytes = stackalloc byte[16];
        for (int i = 0; i < 16; i++)
        {
            bytes[i] = _v6.sin6_addr[i];
        }
        bool isMapped = bytes[..10].IndexOfAnyExcept((byte)0) < 0 && bytes[10] == 0xFF && bytes[11] == 0xFF;
        ReadOnlySpan<byte> address = isMapped ? bytes[12..] : bytes;
        address.CopyTo(target);
        return address.Length;
    }

    /// <summary>Control plane: allocates.</summary>
    public readonly IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        int length = CopyAddress(bytes);
        return length == 4 || _v6.sin6_scope_id == 0
            ? new IPAddress(bytes[..length])
            : new IPAddress(bytes, _v6.sin6_scope_id);
    }

    public readonly bool Equals(InetEndpoint other)
    {
        Span<byte> mine = stackalloc byte[16];
        Span<byte> others = stackalloc byte[16];
        return Port == other.Port && mine[..CopyAddress(mine)].SequenceEqual(others[..other.CopyAddress(others)]);
    }

    public override readonly bool Equals(object? obj) => obj is InetEndpoint other && Equals(other);

    public override readonly int GetHashCode()
    {
        Span<byte> bytes = stackalloc byte[16];
        HashCode hash = default;
        hash.AddBytes(bytes[..CopyAddress(bytes)]);
        hash.Add(Port);
        return hash.ToHashCode();
    }

    public static bool operator ==(InetEndpoint a, InetEndpoint b) => a.Equals(b);

    public static bool operator !=(InetEndpoint a, InetEndpoint b) => !a.Equals(b);

    /// <summary>As in 127.0.0.1:9092 or [::1]:9092.</summary>
    public override readonly string ToString() => new IPEndPoint(ToIPAddress(), Port).ToString();
}
