using System.Reflection;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Protocol.Tests;

/// <summary>The public methods of a generated class, found by its name.</summary>
internal abstract class MessageAccess
{
    public static MessageAccess For(string name)
    {
        Type type = typeof(ApiKey).Assembly.GetType($"Aot.Broker.Protocol.Messages.{name}", throwOnError: true)!;
        return (MessageAccess)Activator.CreateInstance(typeof(MessageAccess<>).MakeGenericType(type))!;
    }

    public abstract bool TryRead(ref WireReader reader, short version, out object message);

    public abstract object New();

    public abstract short Constant(string name);

    public static int Measure(object message, short version) =>
        message is IWireRequest request ? request.Measure(version) : ((IWireMessage)message).Measure(version);

    public static void Write(object message, ref WireWriter writer, short version)
    {
        if (message is IWireRequest request)
        {
            request.Write(ref writer, version);
        }
        else
        {
            ((IWireMessage)message).Write(ref writer, version);
        }
    }

    /// <summary>Measures, writes, and sees that the one is the size of the other.</summary>
    public static byte[] Write(object message, short version)
    {
        byte[] bytes = new byte[Measure(message, version)];
        WireWriter writer = new(bytes);
        Write(message, ref writer, version);
        Assert.Equal(bytes.Length, writer.Position);
        return bytes;
    }
}

internal sealed class MessageAccess<T> : MessageAccess
    where T : new()
{
    private readonly ReadCall _read = typeof(T).GetMethod("TryRead")!.CreateDelegate<ReadCall>();

    private delegate bool ReadCall(ref WireReader reader, short version, out T message);

    public override bool TryRead(ref WireReader reader, short version, out object message)
    {
        bool valid = _read(ref reader, version, out T read);
        message = read!;
        return valid;
    }

    public override object New() => new T();

    public override short Constant(string name) =>
        (short)typeof(T).GetField(name, BindingFlags.Public | BindingFlags.Static)!.GetRawConstantValue()!;
}
