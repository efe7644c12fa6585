namespace Aot.Broker.Coordinators;

/// <summary>
/// Which partition of a coordinator's topic answers for a key. Kafka fixes the formula for all brokers and all time:
/// the absolute value of the Java hash of the key's UTF-16 text, with the smallest integer counted as 0, modulo the
/// partition count. (Not the mask that the producer's partitioner uses.)
/// </summary>
public static class CoordinatorPartition
{
    public static int Of(ReadOnlySpan<char> key, int partitionCount)
    {
        int hash = 0;
        foreach (char unit in key)
        {
            hash = unchecked(31 * hash + unit);
        }
        int positive = hash == int.MinValue ? 0 : Math.Abs(hash);
        return positive % partitionCount;
    }
}
