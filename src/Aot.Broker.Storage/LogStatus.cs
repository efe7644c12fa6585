namespace Aot.Broker.Storage;

/// <summary>Whether a log takes appends.</summary>
public enum LogStatus
{
    Open,

    /// <summary>A write failed in a way that may not heal: reads go on, appends answer KAFKA_STORAGE_ERROR.</summary>
    Offline,

    /// <summary>Its end is being taken away; open again when that is done.</summary>
    Truncating,

    /// <summary>Closed or deleted.</summary>
    Closed,
}
