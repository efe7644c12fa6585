using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Wire;

/// <summary>Takes the fields of a message one by one: a name, then its value. An array's elements have no names.</summary>
public interface IFieldVisitor
{
    void Name(string name);

    void Bool(bool value);

    void Number(long value);

    void Real(double value);

    void Uuid(KafkaUuid value);

    void Text(string? value);

    void Bytes(byte[]? value);

    void Null();

    void BeginObject();

    void EndObject();

    void BeginArray();

    void EndArray();
}

/// <summary>A record, or data that stands by itself: what tools show to people with the names of its fields.</summary>
public interface IDescribedMessage : IWireMessage
{
    /// <summary>The schema's name of the message.</summary>
    string MessageName { get; }

    /// <summary>Names the fields that this version has, in the order of the schema; a tagged field only where it is sent.</summary>
    void Describe(IFieldVisitor visitor, short version);
}

/// <summary>A described message that can be read by its type alone.</summary>
public interface IDescribedMessage<TSelf> : IDescribedMessage
    where TSelf : IDescribedMessage<TSelf>
{
    /// <summary>False: a version that the message does not have, or bytes that are none of it.</summary>
    static abstract bool TryRead(ref WireReader reader, short version, out TSelf message);
}
