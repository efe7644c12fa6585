using System.Text;
using Aot.Broker.Base;

namespace Aot.Broker.Server.Tests;

public sealed class TopicNameTableTests
{
    [Fact]
    public void The_same_bytes_give_the_same_name_without_allocation()
    {
        TopicNameTable names = new();
        TopicName first = names.Get("orders"u8);
        names.Get("payments"u8);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            names.Get("orders"u8);
            names.Get("payments"u8);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Same(first, names.Get("orders"u8));
        Assert.Equal("orders", first.Text);
    }

    [Fact]
    public void A_flood_of_names_stays_bounded_and_right()
    {
        TopicNameTable names = new();
        for (int i = 0; i < 100_000; i++)
        {
            string text = $"topic-{i}";
            Assert.Equal(text, names.Get(Encoding.UTF8.GetBytes(text)).Text);
        }
        Assert.Equal("topic-7", names.Get("topic-7"u8).Text);
    }

    [Fact]
    public void A_name_that_no_topic_can_have_is_not_kept()
    {
        TopicNameTable names = new();
        byte[] huge = new byte[Limits.TopicNameLengthMax + 1];
        Array.Fill(huge, (byte)'a');
        Assert.NotSame(names.Get(huge), names.Get(huge));
    }
}
