namespace Aot.Broker.Faults.Tests;

/// <summary>Small damage to a frame: what a broken client or network would do, and what an attacker would try.</summary>
internal static class Mutation
{
    private static readonly byte[][] s_hostile =
    [
        [0x7F, 0xFF, 0xFF, 0xFF],
        [0x80, 0, 0, 0],
        [0xFF, 0xFF, 0xFF, 0xFE],
        [0xFF, 0xFF, 0xFF, 0xFF, 0x07],
        [0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
        [0x7F, 0xFF],
        [0xFF, 0xFE],
        [0, 0, 0, 0],
    ];

    /// <summary>API key and version stay, so that the damage arrives where it should.</summary>
    private const int KeptBytes = 8;

    /// <param name="isNarrow">Only what makes numbers huge or the frame short.</param>
    public static byte[] Of(byte[] frame, byte[] other, Random random, bool isNarrow)
    {
        List<byte> bytes = [.. frame];
        for (int i = random.Next(1, 4); i > 0 && bytes.Count > KeptBytes; i--)
        {
            int at = random.Next(KeptBytes, bytes.Count);
            switch (isNarrow ? random.Next(2, 4) : random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 3:
                    byte[] hostile = s_hostile[random.Next(s_hostile.Length)];
                    for (int k = 0; k < hostile.Length && at + k < bytes.Count; k++)
                    {
                        bytes[at + k] = hostile[k];
                    }
                    break;
                case 4:
                    int from = random.Next(other.Length);
                    bytes.InsertRange(at, other.AsSpan(from, random.Next(other.Length - from)).ToArray());
                    break;
                default:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 8), bytes.Count - at));
                    break;
            }
        }
        return [.. bytes];
    }
}
