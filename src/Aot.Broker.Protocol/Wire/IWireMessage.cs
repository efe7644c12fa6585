namespace Aot.Broker.Protocol.Wire;

/// <summary>A response or a record: what the broker writes through one common path.</summary>
public interface IWireMessage
{
    /// <summary>Bytes that <see cref="Write"/> will write.</summary>
    int Measure(short version);

    /// <exception cref="InvalidOperationException">The version cannot carry what the message holds.</exception>
    void Write(ref WireWriter writer, short version);
}

/// <summary>
/// A request. Not an <see cref="IWireMessage"/>: the native binary then holds the writers of only those requests that
/// it sends, since nothing can reach the others.
/// </summary>
public interface IWireRequest
{
    /// <inheritdoc cref="IWireMessage.Measure"/>
    int Measure(short version);

    /// <inheritdoc cref="IWireMessage.Write"/>
    void Write(ref WireWriter writer, short version);
}
